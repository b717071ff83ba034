-- Everything that is stored about an account, as JSON, for its owner. Hashes and sealed secrets are left
-- out: they tell nothing, and would help others only.

-- name: export_small :many
-- What is bounded by its nature: a file for each table.
-- in: account_id int8
-- out: file_name text, json text
SELECT 'account.json',
       (SELECT row_to_json(t)::text
        FROM (SELECT id, user_name, email, email_verified_at, pending_email, role, role_changed_at,
                     password_changed_at, created_at, closed_at, erases_at
              FROM accounts WHERE id = @account_id) t)
UNION ALL
SELECT 'sessions.json',
       (SELECT coalesce(json_agg(t ORDER BY t.id), '[]')::text
        FROM (SELECT s.id, s.device, s.address, s.means, s.created_at, s.last_used_at, s.stepped_up_at,
                     s.expires_at, s.revoked_at,
                     (SELECT count(*) FROM refresh_tokens r WHERE r.session_id = s.id) AS refresh_tokens
              FROM sessions s WHERE s.account_id = @account_id) t)
UNION ALL
SELECT 'characters.json',
       (SELECT coalesce(json_agg(t ORDER BY t.id), '[]')::text
        FROM (SELECT id, name, race, faction, level, created_at, deleted_at
              FROM characters WHERE account_id = @account_id) t)
UNION ALL
SELECT 'mail_tokens.json',
       (SELECT coalesce(json_agg(t ORDER BY t.created_at), '[]')::text
        FROM (SELECT purpose, email, created_at, expires_at, used_at
              FROM account_tokens WHERE account_id = @account_id) t)
UNION ALL
SELECT 'factors.json',
       (SELECT row_to_json(t)::text
        FROM (SELECT (SELECT json_agg(f) FROM (SELECT is_pending, created_at FROM totp_secrets
                                               WHERE account_id = @account_id) f) AS authenticator_apps,
                     (SELECT json_agg(c) FROM (SELECT used_at FROM recovery_codes
                                               WHERE account_id = @account_id) c) AS recovery_codes,
                     (SELECT encode(user_handle, 'hex') FROM passkey_owners
                      WHERE account_id = @account_id) AS passkey_user_handle,
                     (SELECT json_agg(p ORDER BY p.id)
                      FROM (SELECT id, name, encode(credential_id, 'hex') AS credential_id, algorithm,
                                   encode(public_key, 'hex') AS public_key, sign_count, synced,
                                   created_at, last_used_at
                            FROM passkeys WHERE account_id = @account_id) p) AS passkeys,
                     (SELECT json_agg(c) FROM (SELECT purpose, means, attempts, created_at, expires_at
                                               FROM challenges WHERE account_id = @account_id) c)
                         AS challenges) t)
UNION ALL
SELECT 'providers.json',
       (SELECT coalesce(json_agg(t ORDER BY t.created_at), '[]')::text
        FROM (SELECT issuer, subject, label, created_at
              FROM account_providers WHERE account_id = @account_id) t)
UNION ALL
SELECT 'api_keys.json',
       (SELECT coalesce(json_agg(t ORDER BY t.id), '[]')::text
        FROM (SELECT id, name, prefix, scopes, is_service, created_at, expires_at, last_used_at,
                     revoked_at
              FROM api_keys WHERE account_id = @account_id) t)
UNION ALL
SELECT 'blocks.json',
       (SELECT coalesce(json_agg(t ORDER BY t.created_at), '[]')::text
        FROM (SELECT b.character_id, c.name AS character_name, b.created_at
              FROM account_blocks b JOIN characters c ON c.id = b.character_id
              WHERE b.account_id = @account_id) t)
UNION ALL
SELECT 'channels.json',
       (SELECT row_to_json(t)::text
        FROM (SELECT (SELECT json_agg(m) FROM (SELECT m.channel_id, h.name, m.character_id, m.role,
                                                      m.joined_at, m.left_at
                                               FROM channel_members m JOIN channels h ON h.id = m.channel_id
                                               WHERE m.account_id = @account_id) m) AS member_of,
                     (SELECT json_agg(r) FROM (SELECT channel_id, read_sequence, muted
                                               FROM channel_readers
                                               WHERE account_id = @account_id) r) AS read,
                     (SELECT json_agg(c) FROM (SELECT id, name, topic, created_at, closed_at
                                               FROM channels WHERE created_by = @account_id) c)
                         AS created) t)
UNION ALL
SELECT 'moderation.json',
       (SELECT row_to_json(t)::text
        FROM (SELECT (SELECT json_agg(s ORDER BY s.id)
                      FROM (SELECT id, kind, channel_id, reason, created_at, ends_at, lifted_at, lift_reason
                            FROM sanctions WHERE account_id = @account_id) s) AS sanctions,
                     (SELECT json_agg(a ORDER BY a.id)
                      FROM (SELECT a.id, a.sanction_id, a.text, a.created_at, a.granted, a.decision,
                                   a.decided_at
                            FROM appeals a JOIN sanctions s ON s.id = a.sanction_id
                            WHERE s.account_id = @account_id) a) AS appeals,
                     (SELECT json_agg(r ORDER BY r.id)
                      FROM (SELECT id, reason, note, channel_id, message_sequence, message_text, state,
                                   resolution, created_at, resolved_at
                            FROM reports WHERE reporter_account_id = @account_id) r) AS reports_made,
                     (SELECT json_agg(r ORDER BY r.id)
                      FROM (SELECT id, reason, channel_id, message_sequence, message_text, state,
                                   resolution, created_at, resolved_at
                            FROM reports WHERE account_id = @account_id) r) AS reports_about) t)
UNION ALL
SELECT 'recent_calls.json',
       (SELECT coalesce(json_agg(t ORDER BY t.created_at), '[]')::text
        FROM (SELECT method, key, created_at
              FROM idempotency_keys WHERE account_id = @account_id) t);

-- name: export_messages :many
-- in: account_id int8, after_channel_id int8, after_sequence int8, count int8
-- out: a int8, b int8, json text
SELECT channel_id, sequence,
       json_build_object('channel_id', channel_id, 'sequence', sequence, 'character_id', character_id,
                         'character_name', character_name, 'text', text, 'sent_at', sent_at,
                         'reply_to', reply_to, 'mentions', mentions, 'edited_at', edited_at,
                         'deleted_at', deleted_at, 'deleted_by_moderator', deleted_by_moderator)::text
FROM messages
WHERE account_id = @account_id
  AND (channel_id, sequence) > (@after_channel_id, @after_sequence)
ORDER BY channel_id, sequence
LIMIT @count;

-- name: export_archived_messages :many
-- in: account_id int8, after_channel_id int8, after_sequence int8, count int8
-- out: a int8, b int8, json text
SELECT channel_id, sequence,
       json_build_object('channel_id', channel_id, 'sequence', sequence, 'character_id', character_id,
                         'character_name', character_name, 'text', text, 'sent_at', sent_at,
                         'reply_to', reply_to, 'mentions', mentions, 'edited_at', edited_at,
                         'deleted_at', deleted_at, 'deleted_by_moderator', deleted_by_moderator,
                         'archived_at', archived_at)::text
FROM archived_messages
WHERE account_id = @account_id
  AND (channel_id, sequence) > (@after_channel_id, @after_sequence)
ORDER BY channel_id, sequence
LIMIT @count;

-- name: export_reactions :many
-- in: account_id int8, after_channel_id int8, after_sequence int8, count int8
-- out: a int8, b int8, json text
SELECT channel_id, message_sequence,
       json_build_object('channel_id', channel_id, 'message_sequence', message_sequence,
                         'emoji', json_agg(emoji))::text
FROM message_reactions
WHERE account_id = @account_id
  AND (channel_id, message_sequence) > (@after_channel_id, @after_sequence)
GROUP BY channel_id, message_sequence
ORDER BY channel_id, message_sequence
LIMIT @count;

-- name: export_mentions :many
-- in: account_id int8, after_channel_id int8, after_sequence int8, count int8
-- out: a int8, b int8, json text
SELECT channel_id, sequence,
       json_build_object('channel_id', channel_id, 'message_sequence', sequence)::text
FROM message_mentions
WHERE account_id = @account_id
  AND (channel_id, sequence) > (@after_channel_id, @after_sequence)
ORDER BY channel_id, sequence
LIMIT @count;

-- name: export_changes :many
-- in: account_id int8, after_channel_id int8, after_sequence int8, count int8
-- out: a int8, b int8, event bytea
SELECT channel_id, sequence, event
FROM channel_changes
WHERE account_id = @account_id
  AND (channel_id, sequence) > (@after_channel_id, @after_sequence)
ORDER BY channel_id, sequence
LIMIT @count;

-- name: export_account_events :many
-- in: account_id int8, after_sequence int8, count int8
-- out: sequence int8, event bytea
SELECT sequence, event
FROM account_events
WHERE account_id = @account_id AND sequence > @after_sequence
ORDER BY sequence
LIMIT @count;

-- name: export_notifications :many
-- in: account_id int8, after_id int8, count int8
-- out: id int8, json text
SELECT id,
       json_build_object('id', id, 'kind', kind, 'text', text, 'channel_id', channel_id,
                         'message_sequence', message_sequence, 'character_id', character_id,
                         'created_at', created_at, 'read_at', read_at)::text
FROM notifications
WHERE account_id = @account_id AND id > @after_id
ORDER BY id
LIMIT @count;

-- name: export_audit :many
-- What the account did, and what was done to it; of others' acts not from where.
-- in: account_id int8, after_id int8, count int8
-- out: id int8, json text
SELECT id,
       json_build_object('id', id, 'happened_at', happened_at, 'action', action, 'status', status,
                         'own', account_id IS NOT DISTINCT FROM @account_id,
                         'address', CASE WHEN account_id = @account_id THEN peer END,
                         'note', CASE WHEN account_id = @account_id THEN note END)::text
FROM audit_log
WHERE (account_id = @account_id OR (target_kind = 'account' AND target_id = @account_id))
  AND id > @after_id
ORDER BY id
LIMIT @count;
