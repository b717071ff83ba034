#include "gen/describe.h"
#include "gen/emit_docs.h"

bool type_set_has_message(const struct type_set *set, const struct model_message *message)
{
    for (size_t i = 0; i < set->message_count; i++)
        if (set->messages[i] == message)
            return true;
    return false;
}

bool type_set_has_enum(const struct type_set *set, const struct model_enum *enumeration)
{
    for (size_t i = 0; i < set->enum_count; i++)
        if (set->enums[i] == enumeration)
            return true;
    return false;
}

/* Room for every type there is, so that nothing moves. */
static void make_room(struct model *model, struct type_set *set)
{
    size_t messages = 0, enums = 0;

    if (set->messages != NULL)
        return;
    for (size_t i = 0; i < model->file_count; i++) {
        messages += model->files[i].message_count;
        enums += model->files[i].enum_count;
    }
    set->messages = arena_alloc_array(model->arena, messages, sizeof(*set->messages));
    set->enums = arena_alloc_array(model->arena, enums, sizeof(*set->enums));
}

void type_set_add(struct model *model, struct type_set *set, const struct model_message *message)
{
    size_t next;

    make_room(model, set);
    if (type_set_has_message(set, message))
        return;
    next = set->message_count;
    set->messages[set->message_count++] = message;
    for (; next < set->message_count; next++) {
        const struct model_message *from = set->messages[next];
        for (size_t i = 0; !message_is_wellknown(from) && i < from->field_count; i++) {
            const struct model_field *field = &from->fields[i];
            if (field_is_map(field))
                field = &field->message->fields[1];
            if (field->message != NULL && !type_set_has_message(set, field->message))
                set->messages[set->message_count++] = field->message;
            if (field->enumeration != NULL && !type_set_has_enum(set, field->enumeration))
                set->enums[set->enum_count++] = field->enumeration;
        }
    }
}
