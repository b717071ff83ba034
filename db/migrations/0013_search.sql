-- Search that reads a bounded part of a channel at a time.
--
-- Beside its words, each message is indexed under its place: its channel and its number by 2,048.
-- A search for words in some places fetches the messages of these alone, however many have the
-- words; an index on the words alone had to fetch and sort all of them. The parser of words never
-- makes one that begins with "@". (handlers/chat_search.c)

DROP INDEX messages_words;

-- New rows wait in the index's pending list, so that a send does not pay for each of its words. It
-- is read as a whole by each search: kept short.
CREATE INDEX messages_words ON messages USING gin (
    (to_tsvector('simple', text)
     || array_to_tsvector(ARRAY['@' || channel_id || '.' || (sequence >> 11)])))
    WITH (fastupdate = on, gin_pending_list_limit = 256);
