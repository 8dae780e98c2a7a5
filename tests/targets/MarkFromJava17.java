// MarkFromJava17.java - MarkFromJava.java for Java 17, where foreign functions were in an incubator.
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
import jdk.incubator.foreign.CLinker;
import jdk.incubator.foreign.FunctionDescriptor;
import jdk.incubator.foreign.MemoryAddress;
import jdk.incubator.foreign.ResourceScope;

public class MarkFromJava17 {
    public static void main(String[] a) throws Throwable {
        CLinker linker = CLinker.getInstance();
        MethodHandle dlsym = linker.downcallHandle(CLinker.systemLookup().lookup("dlsym").get(),
            MethodType.methodType(MemoryAddress.class, MemoryAddress.class, MemoryAddress.class),
            FunctionDescriptor.of(CLinker.C_POINTER, CLinker.C_POINTER, CLinker.C_POINTER));
        try (ResourceScope scope = ResourceScope.newConfinedScope()) {
            MemoryAddress found = (MemoryAddress) dlsym.invokeExact(MemoryAddress.NULL, CLinker.toCString("seep_mark", scope).address());
            if (!found.equals(MemoryAddress.NULL)) {
                MethodHandle mark = linker.downcallHandle(found, MethodType.methodType(void.class, MemoryAddress.class),
                    FunctionDescriptor.ofVoid(CLinker.C_POINTER));
                for (int i = 0; i < 3; i++) {
                    mark.invokeExact(CLinker.toCString("reload", scope).address());
                }
            }
        }
        System.out.println("done");
    }
}
