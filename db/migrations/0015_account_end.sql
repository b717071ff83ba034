-- What an account said and did is found by account: for its owner's copy, and to take the name off it.

CREATE INDEX messages_account ON messages (account_id, channel_id, sequence);
CREATE INDEX channel_changes_account ON channel_changes (account_id, channel_id, sequence);
CREATE INDEX message_reactions_account
    ON message_reactions (account_id, channel_id, message_sequence);
