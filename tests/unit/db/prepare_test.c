/* Every query of the program against the migrated schema: what the annotations of db/queries
 * say must be what PostgreSQL says. */
#include <criterion/criterion.h>

#include "db/internal.h"
#include "fixture.h"

static void expect_columns(const struct db_query *query, const PGresult *description)
{
    cr_expect_eq(PQnfields(description), (int)query->column_count,
                 "%s: PostgreSQL gives %d columns, 'out:' names %zu", query->name,
                 PQnfields(description), query->column_count);
    if (PQnfields(description) != (int)query->column_count)
        return;
    for (int i = 0; i < PQnfields(description); i++)
        cr_expect_eq(PQftype(description, i), db_type_oid(query->columns[i].type),
                     "%s: column %s has the type with OID %u", query->name, query->columns[i].name,
                     PQftype(description, i));
}

static void expect_parameters(const struct db_query *query, const PGresult *description)
{
    cr_expect_eq(PQnparams(description), (int)query->parameter_count, "%s", query->name);
    for (int i = 0; i < PQnparams(description) && i < (int)query->parameter_count; i++)
        cr_expect_eq(PQparamtype(description, i), db_type_oid(query->parameters[i].type),
                     "%s: parameter %s has the type with OID %u", query->name,
                     query->parameters[i].name, PQparamtype(description, i));
}

static void prepare(struct world *world, const struct db_query *query)
{
    Oid types[DB_MAX_PARAMETERS];
    PGresult *result, *description;

    cr_assert_leq(query->parameter_count, DB_MAX_PARAMETERS);
    for (size_t i = 0; i < query->parameter_count; i++)
        types[i] = db_type_oid(query->parameters[i].type);
    result = PQprepare(world->admin, query->name, query->sql, (int)query->parameter_count, types);
    cr_expect_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s: %s", query->name,
                 PQresultErrorMessage(result));
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        description = PQdescribePrepared(world->admin, query->name);
        expect_columns(query, description);
        expect_parameters(query, description);
        PQclear(description);
    }
    PQclear(result);
}

Test(db_queries, fit_the_migrated_schema)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    char error[512] = "";

    cr_assert_eq(db_migrate(world->dsn, MIGRATIONS, error, sizeof(error)), STATUS_OK, "%s", error);
    cr_assert_gt(db_query_count, 0);
    for (size_t i = 0; i < db_query_count; i++)
        prepare(world, db_all_queries[i]);
}
