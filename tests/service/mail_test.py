"""Mail through a real SMTP server: TLS that is verified, signing in, what fails and what never will."""

import asyncio
import contextlib
import pathlib
import ssl
import unittest

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

import certificates
from admin_tool import done
from harness import PASSWORD, REGISTER, Api, Mail, World, eventually, unique
from server_process import free_port

VERIFY = "Confirm your e-mail address"
USER, SECRET = "game", "a mail server's secret"
world = None


def setUpModule():
    global world
    world = World("mail", servers=0, http__loops=1)


def tearDownModule():
    world.close()


class Postman:
    """Takes mails as aiosmtpd gives them; answers what it is told to."""

    def __init__(self):
        self.mails = []
        self.encrypted = []
        self.refusals = {}  # address: answers that come before it is taken
        self.asked = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.asked.append(address)
        answers = self.refusals.get(address, [])
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.encrypted.append(session.ssl is not None)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, Mail(envelope.content)))
        return "250 OK"


def authenticator(server, session, envelope, mechanism, data):
    fits = (isinstance(data, LoginPassword) and data.login == USER.encode()
            and data.password == SECRET.encode())
    return AuthResult(success=fits)


class MailServer:
    """An SMTP server on loopback with STARTTLS; `tls` is (certificate, key)."""

    def __init__(self, tls=None, port=None, **more):
        self.port = port or free_port()
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, tls))
        self.postman = Postman()
        self.controller = Controller(self.postman, hostname="127.0.0.1", port=self.port,
                                     tls_context=context, **more)

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *_):
        self.controller.stop()

    def url(self, host="localhost"):
        return f"smtp://{host}:{self.port}"


def register(server):
    """Returns the address of a new account."""
    name = unique("mail")
    Api(server).call(REGISTER, {"userName": name, "email": f"{name}@example.org",
                                "password": PASSWORD})
    return f"{name}@example.org"


class Smtp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tls = certificates.ensure_certificate(world.home / "tls")
        cls.password = world.home / "smtp-password"
        cls.password.write_text(SECRET + "\n", encoding="utf-8")

    def setUp(self):
        self.server = None
        world.psql("DELETE FROM outbox")
        world.psql("DELETE FROM dead_letters")

    def tearDown(self):
        if self.server:
            self.server.stop()

    def serve(self, mail_server, **more):
        options = {"mail__directory": "", "mail__smtp_url": mail_server.url(),
                   "mail__smtp_ca": self.tls[0], "mail__from": "The Game <game@example.org>",
                   "mail__site_url": "https://play.example.org/", **more}
        self.server = world.add_server(**options)
        return self.server

    def waiting(self):
        """(attempts, error) of mails that wait."""
        return world.psql("SELECT attempts || ' ' || coalesce(error, '') FROM outbox "
                          "WHERE kind = 'mail'")

    def test_a_mail_arrives_encrypted(self):
        with MailServer(self.tls, require_starttls=True) as smtp:
            address = register(self.serve(smtp))
            self.assertTrue(eventually(lambda: smtp.postman.mails), self.waiting())
            sender, recipients, mail = smtp.postman.mails[0]
            self.assertEqual((sender, recipients), ("game@example.org", [address]))
            self.assertEqual(smtp.postman.encrypted, [True])
            self.assertEqual((mail.subject, mail.to), (VERIFY, address))
            self.assertEqual(mail.head["from"], "The Game <game@example.org>")
            self.assertIn("https://play.example.org/verify-email#token=" + mail.token, mail.text)
            self.assertTrue(eventually(lambda: self.waiting() == ""))

    def test_it_signs_in(self):
        with MailServer(self.tls, authenticator=authenticator, auth_required=True) as smtp:
            register(self.serve(smtp, mail__smtp_user=USER,
                                mail__smtp_password_file=self.password))
            self.assertTrue(eventually(lambda: smtp.postman.mails), self.waiting())
            log = self.server.log_path.read_text(encoding="utf-8")
            self.assertNotIn(SECRET, log)

    def test_a_wrong_password_is_no_fault_of_the_mail(self):
        wrong = world.home / "smtp-wrong"
        wrong.write_text("not it\n", encoding="utf-8")
        with MailServer(self.tls, authenticator=authenticator, auth_required=True) as smtp:
            register(self.serve(smtp, mail__smtp_user=USER, mail__smtp_password_file=wrong))
            self.assertTrue(eventually(lambda: self.waiting().startswith("1 "), 20), self.waiting())
            self.assertEqual(smtp.postman.mails, [])

    def test_nothing_is_sent_in_the_open(self):
        """Neither to a server without TLS, nor to one whose certificate is another's."""
        other = certificates.ensure_certificate(world.home / "other-tls")
        for tls, host in ((None, "localhost"), (other, "localhost")):
            with MailServer(tls) as smtp:
                register(self.serve(smtp))
                self.assertTrue(eventually(lambda: self.waiting() not in ("", "0 ")))
                self.assertEqual(smtp.postman.asked, [])
                self.server.stop()
                world.psql("DELETE FROM outbox")

    def test_a_relay_on_this_machine_needs_no_tls(self):
        with MailServer() as smtp:
            register(self.serve(smtp, mail__smtp_tls="false"))
            self.assertTrue(eventually(lambda: smtp.postman.mails), self.waiting())

    def test_what_fails_is_tried_again(self):
        with MailServer(self.tls) as smtp:
            server = self.serve(smtp)
            name = unique("later")
            smtp.postman.refusals[f"{name}@example.org"] = ["451 later", "421 too busy"]
            Api(server).call(REGISTER, {"userName": name, "email": f"{name}@example.org",
                                        "password": PASSWORD})
            self.assertTrue(eventually(lambda: smtp.postman.mails), self.waiting())
            self.assertEqual(smtp.postman.asked, [f"{name}@example.org"] * 3)

    def test_a_mailbox_that_does_not_exist_is_a_dead_letter(self):
        with MailServer(self.tls) as smtp:
            server = self.serve(smtp)
            name = unique("nobox")
            smtp.postman.refusals[f"{name}@example.org"] = ["550 no such mailbox"] * 9
            Api(server).call(REGISTER, {"userName": name, "email": f"{name}@example.org",
                                        "password": PASSWORD})
            letters = "SELECT error FROM dead_letters WHERE kind = 'mail'"
            self.assertTrue(eventually(lambda: "550" in world.psql(letters)), self.waiting())
            self.assertEqual(len(smtp.postman.asked), 1, "it is not asked again")
            self.assertNotIn(name, world.psql("SELECT payload FROM dead_letters"))

    def test_a_server_that_is_away_comes_back(self):
        """Other work does not wait for it."""
        with MailServer(self.tls) as gone:
            server = self.serve(gone)
        register(server)
        with contextlib.ExitStack() as stack:
            self.assertTrue(eventually(lambda: self.waiting() not in ("", "0 ")))
            world.psql("INSERT INTO outbox (kind, priority, payload) VALUES ('no.such.work', 1, '')")
            self.assertTrue(eventually(lambda: world.psql(
                "SELECT attempts > 0 FROM outbox WHERE kind = 'no.such.work'") == "t"))
            world.psql("DELETE FROM outbox WHERE kind = 'no.such.work'")
            smtp = stack.enter_context(MailServer(self.tls, port=gone.port))
            self.assertTrue(eventually(lambda: smtp.postman.mails, 20), self.waiting())

    def test_a_dead_letter_can_be_replayed(self):
        self.server = world.add_server(mail__directory="")
        register(self.server)
        self.assertTrue(eventually(lambda: world.psql(
            "SELECT error FROM dead_letters") == "INVALID_ARGUMENT: neither mail.smtp_url nor "
                                                 "mail.directory is set"))
        self.server.stop()
        with MailServer(self.tls) as smtp:
            self.serve(smtp)
            world.servers.insert(0, self.server)  # whose configuration the tool takes
            done(world, "dead-letters", "replay", "--all", "--kind", "mail")
            world.servers.pop(0)
            self.assertTrue(eventually(lambda: smtp.postman.mails))

    def test_the_end_of_a_server_does_not_wait_for_a_slow_one(self):
        """The mail is not lost: another server sends it."""
        with MailServer(self.tls) as smtp:
            async def silent(*_):
                await asyncio.sleep(60)

            taken, smtp.postman.handle_RCPT = smtp.postman.handle_RCPT, silent
            server = self.serve(smtp)
            register(server)
            self.assertTrue(eventually(lambda: world.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND "
                "datname = 'mail'") != "0"))
            self.assertTrue(server.stop(8), "it waited for the mail server")
            smtp.postman.handle_RCPT = taken
            self.serve(smtp)
            self.assertTrue(eventually(lambda: smtp.postman.mails, 20), self.waiting())


class Files(unittest.TestCase):
    def test_they_are_for_the_server_alone(self):
        server = world.add_server()
        address = register(server)
        world.mail_to(address, VERIFY)
        for path in pathlib.Path(world.mail).glob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0)
            self.assertFalse(path.name.startswith("."), "a draft was left")
        self.assertEqual(world.mail.stat().st_mode & 0o077, 0)
        server.stop()

    def test_what_waits_is_sealed(self):
        with world.table_held("dead_letters"):
            server = world.add_server(mail__directory="")
            address = register(server)
            self.assertNotIn(address.encode().hex(), world.psql(
                "SELECT encode(payload, 'hex') FROM outbox WHERE kind = 'mail'"))
        server.stop()


if __name__ == "__main__":
    unittest.main()
