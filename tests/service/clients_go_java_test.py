"""./dev gen-client: its Go and Java projects, built with Debian's packages and run."""

import os
import unittest

import packages
from client_examples import ExampleTest, run
from paths import STATE

JARS = ("grpc-api grpc-context grpc-core grpc-netty grpc-protobuf grpc-protobuf-lite grpc-stub "
        "protobuf guava jsr305 geronimo-annotation-1.3-spec error_prone_annotations opencensus-api "
        "perfmark-api netty-buffer netty-codec netty-codec-http netty-codec-http2 netty-common "
        "netty-handler netty-resolver netty-transport netty-transport-native-epoll "
        "netty-transport-native-unix-common").split()


class GoJavaTest(ExampleTest):
    name = "clients-go-java"

    @classmethod
    def setUpClass(cls):
        packages.ensure("clients-go", "clients-java")
        super().setUpClass()

    def test_go(self):
        """With Debian's copies of the modules, which are laid out as a GOPATH."""
        out = self.generate("go")
        path = self.home / "gopath"
        place = path / "src" / "example.org" / "waystone-client"
        place.parent.mkdir(parents=True)
        place.symlink_to(out)
        env = dict(os.environ, GO111MODULE="off", GOPATH=f"{path}:/usr/share/gocode",
                   GOCACHE=str(STATE / "go-cache"), GOFLAGS="-p=2")
        run(["go", "vet", "."], place, env)
        run(["go", "build", "-o", out / "example", "."], place, env)
        self.check_example([out / "example"], self.address(), out)

    def test_java(self):
        out = self.generate("java")
        sources = [str(path) for path in sorted((out / "src").rglob("*.java"))]
        jars = ":".join(f"/usr/share/java/{name}.jar" for name in JARS)
        run(["javac", "-nowarn", "-cp", jars, "-d", out / "classes", *sources], out)
        self.check_example(["java", "-cp", f"{out / 'classes'}:{jars}", "Example"],
                           self.address(), out)


if __name__ == "__main__":
    unittest.main()
