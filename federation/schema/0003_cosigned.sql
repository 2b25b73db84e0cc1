-- What we cosigned last of each device's audit log (federation/cosign_saved).
CREATE TABLE cosigned (
    device      BLOB PRIMARY KEY,
    text        TEXT NOT NULL, -- the checkpoint
    signature   BLOB NOT NULL, -- of the device
    time_s      INTEGER NOT NULL,
    cosignature BLOB NOT NULL  -- ours
) STRICT;
CREATE INDEX cosigned_time ON cosigned (time_s);
