-- Open streams look once a second for accounts that lost a character.
CREATE INDEX characters_deleted ON characters (deleted_at) WHERE deleted_at IS NOT NULL;
