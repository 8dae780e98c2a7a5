"""Inputs for the benchmark, made on the spot: the same bytes every time, so that runs can be compared."""
import os
import random
import subprocess

OPERATORS = ["+", "-", "*", "^", "|", "&"]


def c_expression(rng, depth):
    if depth == 0:
        return rng.choice(["a", "b", "c", "s->count", "s->weight[i & 7]", "table[(a + i) & 255]", str(rng.randrange(1, 1000))])
    return f"({c_expression(rng, depth - 1)} {rng.choice(OPERATORS)} {c_expression(rng, rng.randrange(depth))})"


def c_function(rng, number):
    called = f"work_{rng.randrange(number)}(s, a ^ {number}, b)" if number else "a"
    cases = "".join(f"    case {i}: c += {c_expression(rng, 3)}; break;\n" for i in range(rng.randrange(3, 9)))
    return (f"static int work_{number}(struct item_{number % 7} *s, int a, int b) {{\n"
            f"  int i = 0, c = 1;\n  c += {c_expression(rng, 2)};\n"
            f"  for (; i < {rng.randrange(4, 64)}; i++) {{\n"
            f"    if ({c_expression(rng, 2)} > {c_expression(rng, 1)}) {{ s->weight[i & 7] += {c_expression(rng, 3)}; continue; }}\n"
            f"    switch (({c_expression(rng, 1)}) & 15) {{\n{cases}    default: c ^= {c_expression(rng, 2)};\n    }}\n"
            f"    while (c > {rng.randrange(100, 10000)}) c /= {rng.randrange(2, 9)};\n  }}\n"
            f"  return c + {called.replace('(s,', '((void *)s,')};\n}}\n")


def write_c(path, n_functions):
    """A C file for cc1: n_functions functions of loops, switches and expressions that call one another."""
    rng = random.Random(1)
    structs = "".join(f"struct item_{i} {{ int count; long weight[8]; char name[{8 * i + 8}]; struct item_{i} *next; }};\n"
                      for i in range(7))
    functions = "".join(c_function(rng, i) for i in range(n_functions))
    exported = "".join(f"int entry_{i}(void *s, int a) {{ return work_{i}(s, a, {i}); }}\n" for i in range(0, n_functions, 3))
    with open(path, "w") as f:
        f.write(f"static int table[256];\n{structs}{functions}{exported}")


def cpp_class(rng, i):
    key = rng.choice(["int", "long", "std::string", "std::pair<int, int>"])
    map_type = rng.choice(["std::map", "std::multimap"])
    return (f"struct record_{i} {{ std::string name; std::vector<double> values; int rank = {i};\n"
            f"  bool operator<(const record_{i} &o) const {{ return std::tie(rank, name) < std::tie(o.rank, o.name); }} }};\n"
            f"template <class T, int N> struct store_{i} {{\n"
            f"  {map_type}<{key}, T> all; std::array<T, N> recent; std::unique_ptr<store_{i}<T, N / 2>> half;\n"
            f"  void add(const {key} &k, T t) {{ all.insert({{k, t}}); recent[all.size() % N] = std::move(t);\n"
            f"    if constexpr (N > 2) {{ if (half) half->add(k, recent[0]); }} }}\n"
            f"  template <class F> auto best(F f) const {{ std::vector<T> v; for (auto &e : all) if (f(e.second)) v.push_back(e.second);\n"
            f"    std::sort(v.begin(), v.end(), [](const T &a, const T &b) {{ return b < a; }}); return v; }}\n}};\n"
            f"int use_{i}() {{ store_{i}<record_{i}, {2 ** rng.randrange(2, 5)}> s; s.add({key}{{}}, record_{i}{{}});\n"
            f"  std::function<bool(const record_{i} &)> f = [&](auto &r) {{ return r.rank > {i} && !r.values.empty(); }};\n"
            f"  int n = 0; for (auto &r : s.best(f)) n += std::accumulate(r.values.begin(), r.values.end(), 0.0) > {i};\n"
            f"  return n; }}\n")


def write_cpp(path, n_classes):
    """A preprocessed C++ file for cc1plus: library headers, and n_classes templates over containers with one use each."""
    rng = random.Random(2)
    headers = ["algorithm", "array", "functional", "map", "memory", "numeric", "string", "tuple", "utility", "vector", "iostream"]
    source = path + ".cc"
    with open(source, "w") as f:
        f.write("".join(f"#include <{h}>\n" for h in headers) + "".join(cpp_class(rng, i) for i in range(n_classes)))
    subprocess.run(["g++", "-std=c++17", "-E", "-P", "-o", path, source], check=True)


def write_certificate(directory):
    """A key and a certificate for localhost (RSA 2048, the commonest there is). Returns their names."""
    key, certificate = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    if not os.path.exists(certificate):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


def write_nginx(directory, port, key, certificate):
    """A configuration of one process without session resumption, and a page of 4 KB. Returns its name."""
    os.makedirs(os.path.join(directory, "html"), exist_ok=True)
    with open(os.path.join(directory, "html", "index.html"), "w") as f:
        f.write("<p>seep</p>\n" * 340)
    temporary = "".join(f"  {kind}_temp_path {directory}/temp_{kind};\n"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w") as f:
        f.write(f"daemon off;\nmaster_process off;\nworker_processes 1;\npid {directory}/nginx.pid;\n"
                f"error_log {directory}/error.log;\nevents {{ worker_connections 256; }}\n"
                f"http {{\n  access_log off;\n{temporary}  server {{\n    listen 127.0.0.1:{port} ssl;\n"
                f"    ssl_certificate {certificate};\n    ssl_certificate_key {key};\n"
                f"    ssl_session_cache off;\n    ssl_session_tickets off;\n    root {directory}/html;\n  }}\n}}\n")
    return path
