-- By whom an account is blocked: presence hides both from each other.
CREATE INDEX account_blocks_by ON account_blocks (blocked_account_id, account_id);
