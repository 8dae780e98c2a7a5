// MarkFromJava.java - three marks, as include/seep.h says that Java sets them.
import java.lang.foreign.*;
import java.lang.invoke.*;
public class MarkFromJava {
    static MethodHandle find() throws Throwable {
        Linker linker = Linker.nativeLinker();
        MethodHandle dlsym = linker.downcallHandle(linker.defaultLookup().find("dlsym").get(),
            FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment found = (MemorySegment) dlsym.invoke(MemorySegment.NULL, arena.allocateFrom("seep_mark"));
            return found.address() == 0 ? null : linker.downcallHandle(found, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
        }
    }
    public static void main(String[] a) throws Throwable {
        MethodHandle mark = find();
        if (mark == null) {
            System.out.println("done");
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            for (int i = 0; i < 3; i++) {
                mark.invoke(arena.allocateFrom("reload"));
            }
        }
        System.out.println("done");
    }
}
