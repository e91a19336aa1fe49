# SPDX-License-Identifier: Apache-2.0
"""The promise of the plugin ABI: layouts do not move, the header compiles everywhere, and a plugin is built
outside of this repository against the installed package and exports one symbol."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["SLUICE_BUILD_DIR"])
SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
HEADER = SOURCE / "plugin_api" / "include" / "sluice" / "plugin.h"
COMPILERS = [(c, cxx) for c, cxx in (("gcc", "g++"), ("clang-14", "clang++-14")) if shutil.which(c)]


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class LayoutTest(unittest.TestCase):
    def test_sizes_and_offsets_are_the_golden_ones(self):
        golden = (SOURCE / "tests" / "abi" / "golden" / "abi-v1.txt").read_text()
        self.assertEqual(run(BUILD / "tests" / "abi_layout"), golden)

    def test_table_names_every_field_of_the_header(self):
        text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
        fields = set()
        for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, flags=re.S):
            for line in body.split(";"):
                found = re.search(r"\(\*(\w+)\)|(\w+)(?:\[\w+\])?\s*$", line.strip())
                if found:
                    fields.add(f"{name}.{found[1] or found[2]}")
        golden = (SOURCE / "tests" / "abi" / "golden" / "abi-v1.txt").read_text()
        self.assertEqual(fields, set(re.findall(r"^(\w+\.\w+) ", golden, flags=re.M)))


class HeaderTest(unittest.TestCase):
    FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", HEADER.parent.parent]

    def test_compiles_alone_in_every_language(self):
        self.assertTrue(COMPILERS)
        with tempfile.TemporaryDirectory() as folder:
            c = pathlib.Path(folder) / "alone.c"
            cxx = pathlib.Path(folder) / "alone.cc"
            sdk = pathlib.Path(folder) / "sdk.cc"
            # Twice: the include guard is part of what is tested.
            c.write_text("#include <sluice/plugin.h>\n#include <sluice/plugin.h>\nint unused;\n")
            cxx.write_text("#include <sluice/plugin.h>\n#include <sluice/plugin.h>\n")
            sdk.write_text("#include <sluice/plugin.hpp>\n#include <sluice/replace_file.hpp>\n" * 2)
            for cc, cpp in COMPILERS:
                for std in ("c99", "c11"):
                    run(cc, f"-std={std}", *self.FLAGS, c)
                run(cpp, "-std=c++20", *self.FLAGS, cxx)
                run(cpp, "-std=c++20", *self.FLAGS, sdk)
                run(cpp, "-std=c++20", "-fno-exceptions", *self.FLAGS, sdk)


class PackageTest(unittest.TestCase):
    def check(self, folder, *arguments):
        """Builds the examples out of the tree and looks at what they export."""
        examples = folder / "examples"
        shutil.copytree(SOURCE / "plugin_api" / "examples", examples)
        build = folder / "build"
        run("cmake", "-S", examples, "-B", build, *arguments)
        run("cmake", "--build", build)
        plugins = sorted(p.name for p in build.rglob("*.so"))
        self.assertEqual(plugins, ["counter.so", "hello_c.so", "hello_cpp.so", "mirror.so"])
        for plugin in build.rglob("*.so"):
            names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", plugin).splitlines()]
            self.assertEqual(names, ["sluice_plugin_entry_v1"], plugin)
            self.assertNotIn(" u ", run("nm", plugin), "a unique symbol would be shared by two copies")

    def test_examples_build_against_the_installed_package(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            prefix = folder / "prefix"
            run("cmake", "--install", BUILD, "--component", "plugin_api", "--prefix", prefix)
            self.assertTrue((prefix / "include" / "sluice" / "plugin.h").exists())
            proto = prefix / "share" / "sluice" / "proto" / "sluice" / "stream" / "v1" / "stream.proto"
            self.assertTrue(proto.exists())
            for compilers in COMPILERS:
                with tempfile.TemporaryDirectory() as one:
                    self.check(
                        pathlib.Path(one),
                        f"-DCMAKE_PREFIX_PATH={prefix}",
                        f"-DCMAKE_C_COMPILER={compilers[0]}",
                        f"-DCMAKE_CXX_COMPILER={compilers[1]}",
                    )

    def test_examples_build_against_the_build_folder(self):
        with tempfile.TemporaryDirectory() as name:
            self.check(pathlib.Path(name), f"-Dsluice_plugin_api_DIR={BUILD / 'plugin_api'}")

    def test_hello_world_has_twenty_lines(self):
        for hello in ("hello_c/hello.c", "hello_cpp/hello.cc"):
            text = (SOURCE / "plugin_api" / "examples" / hello).read_text()
            code = re.sub(r"//.*|/\*.*?\*/", "", text)
            # A line of code has a word in it; braces and blank lines do not count.
            lines = [line for line in code.splitlines() if re.search(r"\w", line)]
            self.assertLessEqual(len(lines), 20, hello)

    def test_plugin_that_ships_exports_one_symbol(self):
        plugin = BUILD / "lib" / "sluice" / "plugins" / "file.so"
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", plugin).splitlines()]
        self.assertEqual(names, ["sluice_plugin_entry_v1"])
        self.assertNotIn(" u ", run("nm", plugin))


if __name__ == "__main__":
    unittest.main()
