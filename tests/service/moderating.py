"""What the tests of moderation share: moderators, refusals, the audit log, method names."""

from harness import PASSWORD, SIGN_IN, Api, Player, RpcError

REPORT = "moderation.v1.ModerationService/ReportMessage"
LIST_MY_SANCTIONS = "moderation.v1.ModerationService/ListMySanctions"
APPEAL = "moderation.v1.ModerationService/AppealSanction"
APPEAL_BAN = "moderation.v1.ModerationService/AppealBan"
LIST_REPORTS = "moderation.v1.ModerationService/ListReports"
GET_REPORT = "moderation.v1.ModerationService/GetReport"
RESOLVE_REPORT = "moderation.v1.ModerationService/ResolveReport"
SANCTION = "moderation.v1.ModerationService/SanctionCharacter"
LIFT = "moderation.v1.ModerationService/LiftSanction"
LIST_SANCTIONS = "moderation.v1.ModerationService/ListSanctions"
LIST_APPEALS = "moderation.v1.ModerationService/ListAppeals"
RESOLVE_APPEAL = "moderation.v1.ModerationService/ResolveAppeal"
SET_SLOW_MODE = "moderation.v1.ModerationService/SetSlowMode"
LIST_FILTERS = "moderation.v1.ModerationService/ListFilters"
PUT_FILTER = "moderation.v1.ModerationService/PutFilter"
DELETE_FILTER = "moderation.v1.ModerationService/DeleteFilter"
LIST_NOTIFICATIONS = "notification.v1.NotificationService/ListNotifications"

MODERATOR, ADMIN = 3, 5


def account(player):
    return player.session["account"]["id"]


def sign_in(player, server):
    """A new session; the player's calls go on with it."""
    session = Api(server).call(SIGN_IN, {"login": player.name, "password": PASSWORD})["session"]
    player.session, player.token, player.api.token = session, session["accessToken"], \
        session["accessToken"]
    return session


def with_role(world, role):
    """A player whose account has a role."""
    player = Player(world.server)
    world.psql(f"UPDATE accounts SET role = {role} WHERE id = {account(player)}")
    sign_in(player, world.server)
    return player


def refused(call, *words, **more):
    """The error of a call that has to fail."""
    try:
        answer = call(*words, **more)
    except RpcError as error:
        return error
    raise AssertionError(f"the call was not refused but answered {answer}")


def report(player, message, reason="REPORT_REASON_SPAM", note=""):
    return player.api.call(REPORT, {
        "channelId": message["channelId"], "messageSequence": message["sequence"],
        "characterId": player.character["id"], "reason": reason, "note": note})["reportId"]


def resolve(moderator, report_id, state="REPORT_STATE_UPHELD", resolution="Looked at.", **more):
    return moderator.api.call(RESOLVE_REPORT, {
        "reportId": report_id, "state": state, "resolution": resolution, **more})["report"]


def sanction(moderator, player, kind="MUTE", channel=None, seconds=0, reason="Insults."):
    wanted = {"kind": f"SANCTION_KIND_{kind}", "durationSeconds": seconds}
    if channel is not None:
        wanted["channelId"] = channel
    return moderator.api.call(SANCTION, {
        "characterId": player.character["id"], "sanction": wanted, "reason": reason})["sanction"]


def lift(moderator, sanction_id, reason="A mistake."):
    return moderator.api.call(LIFT, {"sanctionId": sanction_id, "reason": reason})["sanction"]


def audited(world, action, moderator):
    """The audit log's rows of a moderator's acts: (target_kind, target_id, detail, note)."""
    rows = world.psql("SELECT target_kind, target_id, detail, note FROM audit_log "
                      f"WHERE action = '{action}' AND account_id = {account(moderator)} "
                      "ORDER BY id")
    return [tuple(row.split("|")) for row in rows.splitlines()]


def notifications(player, kind):
    """Newest first."""
    listed = player.api.call(LIST_NOTIFICATIONS).get("notifications", [])
    return [note for note in listed if note["kind"] == f"NOTIFICATION_KIND_{kind}"]
