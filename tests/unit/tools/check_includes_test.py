"""The include rules: what they refuse, and where they say it is."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "tools" / "check_includes.py"


def check(tree):
    """Runs the script over {name: text}. Returns its exit code and lines."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        run = subprocess.run([sys.executable, "-B", str(SCRIPT), folder, *tree],
                             capture_output=True, text=True, check=False)
        return run.returncode, (run.stdout + run.stderr).splitlines()


class Includes(unittest.TestCase):
    def accepted(self, tree):
        self.assertEqual(check(tree), (0, []))

    def refused(self, tree, where, words):
        code, lines = check(tree)
        self.assertEqual(code, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(where + ": "), lines[0])
        self.assertIn(words, lines[0])

    def test_what_each_layer_needs(self):
        self.accepted({
            "base/arena.h": "", "db/db.h": "", "server/rpc.h": "", "server/exchange.h": "",
            "server/protocol/base64.h": "", "handlers/app.h": "", "handlers/limiter.h": "",
            "base/arena.c": '#include "base/arena.h"\n#include <string.h>\n',
            "db/pool.c": '#include "db/db.h"\n#include "base/arena.h"\n#include <libpq-fe.h>\n',
            "gen/model.c": '#include "base/arena.h"\n#include "buf/validate/validate.pb-c.h"\n',
            "client/call.c": '#include "server/protocol/base64.h"\n#include <nghttp2/nghttp2.h>\n',
            "server/http/h1.c": '#include "server/exchange.h"\n#include <h2o/socket.h>\n',
            "handlers/chat.c": '#include "waystone/chat/v1/chat_service.h"\n'
                               '#include "db/queries/chat.h"\n#include "handlers/app.h"\n'
                               '#include "handlers/limiter.h"\n#include "server/rpc.h"\n'
                               '#include "version.h"\n',
            "main.c": '#include "handlers/app.h"\n#include "db/db.h"\n',
        })

    def test_base_includes_nothing_of_ours(self):
        self.refused({"db/db.h": "", "base/loop.c": '#include <x.h>\n\n#include "db/db.h"\n'},
                     "base/loop.c:3", "db/db.h")

    def test_db_and_server_do_not_meet(self):
        tree = {"db/db.h": "", "server/rpc.h": ""}
        self.refused({**tree, "db/pool.c": '#include "server/rpc.h"\n'},
                     "db/pool.c:1", "server/rpc.h")
        self.refused({**tree, "server/dispatch.c": '#include "db/db.h"\n'},
                     "server/dispatch.c:1", "db/db.h")

    def test_generated_headers_have_layers_too(self):
        self.refused({"db/pool.c": '#include "db/queries/chat.h"\n'}, "db/pool.c:1", "queries")
        self.refused({"server/call.c": '#include "waystone/chat/v1/chat.h"\n'},
                     "server/call.c:1", "waystone/chat/v1/chat.h")

    def test_a_header_beside_the_file_counts_like_any(self):
        self.refused({"db/own_internal.h": "", "db/x/a.c": '#include "../own_internal.h"\n'},
                     "db/x/a.c:1", "internal")

    def test_brackets_do_not_hide_our_headers(self):
        self.refused({"db/db.h": "", "base/loop.c": "#include <db/db.h>\n"},
                     "base/loop.c:1", "db/db.h")
        self.refused({"db/db.h": "", "base/loop.c": '#  include\t"db/db.h"\n'},
                     "base/loop.c:1", "db/db.h")

    def test_the_runtime_does_not_know_transports(self):
        self.refused({"server/http/http.h": "", "server/call.c": '#include "server/http/http.h"\n'},
                     "server/call.c:1", "server/http/http.h")

    def test_handlers_see_rpc_and_not_the_runtime(self):
        self.refused({"server/call.h": "", "handlers/keys.c": '#include "server/call.h"\n'},
                     "handlers/keys.c:1", "server/call.h")

    def test_a_handler_does_not_know_another(self):
        tree = {"handlers/chat.h": "", "handlers/auth.h": "",
                "handlers/chat.c": '#include "waystone/chat/v1/chat_service.h"\n'
                                   '#include "handlers/chat.h"\n'}
        self.accepted(tree)
        self.refused({**tree, "handlers/auth.c": '#include "handlers/chat.h"\n'},
                     "handlers/auth.c:1", "handlers/chat.h")

    def test_the_files_of_one_service_share_its_parts(self):
        tree = {"handlers/chat_parts.h": '#include "waystone/chat/v1/chat_service.h"\n',
                "handlers/chat.c": '#include "handlers/chat_parts.h"\n',
                "handlers/chat_send.c": '#include "handlers/chat_parts.h"\n'}
        self.accepted(tree)
        self.refused({**tree, "handlers/auth.c": '#include "handlers/chat_parts.h"\n'},
                     "handlers/auth.c:1", "handlers/chat_parts.h")

    def test_internal_headers_stay_in_their_folder(self):
        tree = {"base/loop_internal.h": "", "base/loop.c": '#include "base/loop_internal.h"\n'}
        self.accepted(tree)
        self.accepted({**tree, "tests/unit/base/x_test.c": '#include "base/loop_internal.h"\n'})
        self.accepted({**tree, "tests/fuzz/loop.c": '#include "base/loop_internal.h"\n'})
        for name in ("server/call.c", "tests/unit/db/loop_test.c", "main.c"):
            self.refused({**tree, name: '#include "base/loop_internal.h"\n'},
                         f"{name}:1", "internal to base/")

    def test_libraries_have_their_folders(self):
        self.refused({"handlers/chat.c": "#include <libpq-fe.h>\n"}, "handlers/chat.c:1", "libpq")
        self.refused({"main.c": "#include <nghttp2/nghttp2.h>\n"}, "main.c:1", "nghttp2")
        self.accepted({"tests/unit/db/fixture.c": "#include <libpq-fe.h>\n"})


if __name__ == "__main__":
    unittest.main()
