/* Who belongs to which channel, without a database. */
#include "handlers/channel_access.h"

#include <criterion/criterion.h>

static const struct channel_facts facts = {
    .account_id = 7, .races = 1 << 1 | 1 << 9, .factions = 1 << 3};

static bool reads(ChannelKind kind, int64_t key, ChannelRole role)
{
    return channel_rule_reads(&(struct channel_place){.kind = kind, .key = key, .role = role},
                              &facts);
}

Test(channel_access, every_kind_has_a_rule)
{
    for (int kind = CHANNEL_KIND_GLOBAL; kind <= CHANNEL_KIND_CUSTOM; kind++) {
        const struct channel_rule *rule = channel_rule_of((ChannelKind)kind);
        cr_assert_not_null(rule);
        cr_expect_eq((int)rule->kind, kind);
    }
    cr_expect_null(channel_rule_of(CHANNEL_KIND_UNSPECIFIED));
    cr_expect_null(channel_rule_of((ChannelKind)10));
}

Test(channel_access, what_an_account_is_binds_it)
{
    cr_expect(reads(CHANNEL_KIND_GLOBAL, 0, CHANNEL_ROLE_UNSPECIFIED));
    cr_expect(reads(CHANNEL_KIND_FAMILY, 7, CHANNEL_ROLE_UNSPECIFIED));
    cr_expect_not(reads(CHANNEL_KIND_FAMILY, 8, CHANNEL_ROLE_UNSPECIFIED));
    for (int64_t key = 0; key <= 10; key++) {
        cr_expect_eq(reads(CHANNEL_KIND_RACE, key, CHANNEL_ROLE_UNSPECIFIED), key == 1 || key == 9);
        cr_expect_eq(reads(CHANNEL_KIND_FACTION, key, CHANNEL_ROLE_UNSPECIFIED), key == 3);
    }
}

Test(channel_access, members_are_bound_by_their_row)
{
    static const ChannelKind joined[] = {CHANNEL_KIND_GUILD, CHANNEL_KIND_PARTY,
                                         CHANNEL_KIND_WHISPER, CHANNEL_KIND_CUSTOM};

    for (size_t i = 0; i < sizeof(joined) / sizeof(joined[0]); i++) {
        cr_expect_not(reads(joined[i], 1, CHANNEL_ROLE_UNSPECIFIED));
        cr_expect(reads(joined[i], 1, CHANNEL_ROLE_MEMBER));
    }
    /* A stray row opens nothing that nobody joins. */
    cr_expect_not(reads(CHANNEL_KIND_FACTION, 1, CHANNEL_ROLE_OWNER));
    cr_expect_not(reads(CHANNEL_KIND_LOCAL, 1, CHANNEL_ROLE_MEMBER));
    cr_expect_not(reads(CHANNEL_KIND_UNSPECIFIED, 0, CHANNEL_ROLE_OWNER));
}

Test(channel_access, characters_speak_where_they_belong)
{
    const struct channel_speaker speaker = {5, "Ashka", 9, 3};
    struct channel_place place = {CHANNEL_KIND_RACE, 9, CHANNEL_ROLE_UNSPECIFIED, 0};

    cr_expect(channel_rule_of(CHANNEL_KIND_RACE)->speaks(&place, &speaker));
    place.key = 1;
    cr_expect_not(channel_rule_of(CHANNEL_KIND_RACE)->speaks(&place, &speaker));
    place.key = 3;
    cr_expect(channel_rule_of(CHANNEL_KIND_FACTION)->speaks(&place, &speaker));
    place = (struct channel_place){CHANNEL_KIND_WHISPER, 4, CHANNEL_ROLE_MEMBER, 5};
    cr_expect(channel_rule_of(CHANNEL_KIND_WHISPER)->speaks(&place, &speaker));
    place.member_character_id = 6;
    cr_expect_not(channel_rule_of(CHANNEL_KIND_WHISPER)->speaks(&place, &speaker));
}
