-- callmesh schema 18: the codes that a telephone enters to pause and resume, and how long a pause may be, by rule of recording.

ALTER TABLE recording_rules
    ADD pause_code    text NOT NULL DEFAULT '' CHECK (pause_code ~ '^[0-9*#A-D]{0,8}$'),    -- empty: callstate's pause.code
    ADD resume_code   text NOT NULL DEFAULT '' CHECK (resume_code ~ '^[0-9*#A-D]{0,8}$'),   -- empty: pause.resume-code; the same as pause_code: turns it
    ADD pause_seconds int CHECK (pause_seconds BETWEEN 1 AND 86400);                        -- null: pause.limit

INSERT INTO schema_version (version) VALUES (18);
