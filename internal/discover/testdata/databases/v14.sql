SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.access_change (
    generation bigint NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    before text NOT NULL COLLATE pg_catalog."C",
    after text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.access_generation (
    id bigint NOT NULL,
    generation bigint NOT NULL
);
CREATE TABLE public.access_rule (
    id text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    scope text NOT NULL COLLATE pg_catalog."C",
    verbs text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.account (
    subject text NOT NULL COLLATE pg_catalog."C",
    incarnation text NOT NULL COLLATE pg_catalog."C",
    stamp text NOT NULL COLLATE pg_catalog."C",
    password text NOT NULL COLLATE pg_catalog."C",
    member_of text NOT NULL COLLATE pg_catalog."C",
    disabled bigint NOT NULL,
    created bigint NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.account_generation (
    id bigint NOT NULL,
    generation bigint NOT NULL
);
CREATE TABLE public.account_token (
    id text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL COLLATE pg_catalog."C",
    scopes text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C",
    expires bigint NOT NULL,
    used bigint NOT NULL
);
CREATE TABLE public.acme (
    name text NOT NULL COLLATE pg_catalog."C",
    content bytea NOT NULL,
    changed bigint NOT NULL
);
CREATE TABLE public.artifact_type (
    word bigint NOT NULL,
    short text NOT NULL COLLATE pg_catalog."C",
    media text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.audit (
    pos bigint NOT NULL,
    source bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    place text NOT NULL COLLATE pg_catalog."C",
    refused bigint NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.audit_fresh (
    pos bigint NOT NULL,
    source bigint NOT NULL
);
CREATE TABLE public.audit_outbox (
    pos bigint NOT NULL,
    source bigint NOT NULL
);
CREATE TABLE public.audit_place (
    place text NOT NULL COLLATE pg_catalog."C",
    pos bigint NOT NULL,
    source bigint NOT NULL
);
CREATE TABLE public.blob (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    shard bigint NOT NULL,
    size bigint NOT NULL
);
CREATE TABLE public.blob_content (
    blob bigint NOT NULL,
    bytes bytea NOT NULL
);
CREATE TABLE public.content (
    manifest bigint NOT NULL,
    bytes bytea NOT NULL
);
CREATE TABLE public.definition (
    name text NOT NULL COLLATE pg_catalog."C",
    body bytea NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.ended_session (
    hash bytea NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    until bigint NOT NULL
);
CREATE TABLE public.epoch (
    n bigint NOT NULL,
    id bytea NOT NULL,
    engine text NOT NULL COLLATE pg_catalog."C",
    starts text NOT NULL COLLATE pg_catalog."C",
    at bigint NOT NULL
);
CREATE TABLE public.feed (
    list bigint NOT NULL,
    kind bigint NOT NULL,
    shard bigint NOT NULL,
    pos bigint NOT NULL,
    item bigint NOT NULL,
    type bigint NOT NULL
);
CREATE TABLE public.grant_set (
    digest bytea NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C",
    at bigint NOT NULL
);
CREATE TABLE public.head (
    shard bigint NOT NULL,
    seq bigint NOT NULL,
    pos bigint NOT NULL,
    next_id bigint NOT NULL,
    floor bigint NOT NULL,
    journal_floor bigint NOT NULL
);
CREATE TABLE public.journal (
    shard bigint NOT NULL,
    pos bigint NOT NULL,
    seq bigint NOT NULL,
    repo bigint NOT NULL,
    rev bigint NOT NULL,
    action bigint NOT NULL,
    kind bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    digest bytea,
    previous bytea,
    type bigint NOT NULL,
    previous_type bigint NOT NULL,
    flags bigint NOT NULL,
    actor bigint NOT NULL
);
CREATE TABLE public.manifest (
    id bigint NOT NULL,
    repo bigint NOT NULL,
    digest bytea NOT NULL,
    media_type bigint NOT NULL,
    type bigint NOT NULL,
    size bigint NOT NULL,
    platform bigint NOT NULL,
    subject bytea,
    annotations text COLLATE pg_catalog."C",
    tagged bigint NOT NULL,
    rev bigint NOT NULL,
    born bigint NOT NULL,
    mod bigint NOT NULL,
    previous bigint NOT NULL,
    shown text COLLATE pg_catalog."C",
    kept bigint DEFAULT 1 NOT NULL,
    remote bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.manifest_blob (
    repo bigint NOT NULL,
    blob bigint NOT NULL,
    manifest bigint NOT NULL
);
CREATE TABLE public.manifest_child (
    repo bigint NOT NULL,
    child bytea NOT NULL,
    manifest bigint NOT NULL
);
CREATE TABLE public.manifest_missing (
    repo bigint NOT NULL,
    digest bytea NOT NULL,
    manifest bigint NOT NULL
);
CREATE TABLE public.namespace (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE public.namespace ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.namespace_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.orphan (
    repo bigint NOT NULL,
    kind bigint NOT NULL,
    digest bytea NOT NULL,
    shard bigint NOT NULL,
    at bigint NOT NULL,
    after bytea
);
CREATE TABLE public.policy (
    id text NOT NULL COLLATE pg_catalog."C",
    body bytea NOT NULL
);
CREATE TABLE public.purge (
    repo bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.refresh_token (
    hash bytea NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    groups_json text NOT NULL COLLATE pg_catalog."C",
    credential text NOT NULL COLLATE pg_catalog."C",
    bound text NOT NULL COLLATE pg_catalog."C",
    client text NOT NULL COLLATE pg_catalog."C",
    made bigint NOT NULL,
    expires bigint NOT NULL,
    address text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    used bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.repository (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    incarnation bytea,
    rev bigint NOT NULL,
    born bigint NOT NULL,
    mod bigint NOT NULL,
    previous bigint NOT NULL,
    tags bigint NOT NULL,
    manifests bigint NOT NULL,
    size bigint NOT NULL
);
CREATE TABLE public.repository_blob (
    repo bigint NOT NULL,
    blob bigint NOT NULL
);
CREATE TABLE public.repository_past (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    incarnation bytea NOT NULL,
    rev bigint NOT NULL,
    born bigint NOT NULL,
    ended bigint NOT NULL
);
CREATE TABLE public.retyping (
    manifest bigint NOT NULL,
    pos bigint NOT NULL,
    was bigint NOT NULL,
    after text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.schema_version (
    version bigint NOT NULL,
    name text NOT NULL,
    applied_at bigint NOT NULL
);
CREATE TABLE public.setting (
    name text NOT NULL COLLATE pg_catalog."C",
    value bytea NOT NULL
);
CREATE TABLE public.tag (
    id bigint NOT NULL,
    repo bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    manifest bigint NOT NULL,
    opened bigint NOT NULL,
    actor bigint NOT NULL,
    rev bigint NOT NULL,
    born bigint NOT NULL,
    mod bigint NOT NULL,
    previous bigint NOT NULL
);
CREATE TABLE public.tag_past (
    repo bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    opened bigint NOT NULL,
    closed bigint NOT NULL,
    digest bytea NOT NULL,
    actor bigint NOT NULL,
    media_type bigint,
    size bigint
);
CREATE TABLE public.token_key (
    id text NOT NULL COLLATE pg_catalog."C",
    made bigint NOT NULL,
    replaced bigint NOT NULL,
    secret bytea NOT NULL
);
CREATE TABLE public.tombstone (
    id bigint NOT NULL,
    repo bigint NOT NULL,
    kind bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    mod bigint NOT NULL
);
CREATE TABLE public.turn (
    name text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C",
    until bigint NOT NULL
);
CREATE TABLE public.typing (
    id bigint NOT NULL,
    generation bigint NOT NULL,
    definitions text NOT NULL COLLATE pg_catalog."C",
    walked text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.typing_walk (
    shard bigint NOT NULL,
    generation bigint NOT NULL,
    pos bigint NOT NULL,
    ends bigint NOT NULL
);
CREATE TABLE public.word (
    id bigint NOT NULL,
    text text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE public.word ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.word_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO public.access_change VALUES (1, 1767269580000000, 'user:root', 'team', '', 'group:dev list,pull,push namespace:acme');
INSERT INTO public.access_change VALUES (2, 1767269580000000, 'user:root', 'user:ada', '', 'user:ada groups=dev,ops password changed');
INSERT INTO public.access_change VALUES (3, 1767269580000000, 'user:ada', 'token:0ozungimvmkiqi', '', 'user:ada expires=2026-04-01T12:13:00Z scopes=pull namespace:acme');
INSERT INTO public.access_generation VALUES (0, 3);
INSERT INTO public.access_rule VALUES ('team', 'group:dev', 'namespace:acme', 'list,pull,push');
INSERT INTO public.account VALUES ('user:ada', '3trnaf66ddgg2m', '0skyalytxko4h4', '$argon2id$v=19$m=19456,t=2,p=1$i2itlZbkKRe9DH0xfULoTw$BSWyS+M54aokERTBtvE5Ovj9GVj/Bw2LZmTeBJ7z6Jw', 'dev
ops', 0, 1767269580000000, 'user:root');
INSERT INTO public.account_generation VALUES (0, 2);
INSERT INTO public.account_token VALUES ('0ozungimvmkiqi', '\x26cbfd3401851c956fd522a9aa0e2121ba51a295467d3da2651c71699dfb1321', 'user:ada', 'a build', 'pull namespace:acme', 1767269580000000, 'user:ada', 1775045580000000, 0);
INSERT INTO public.acme VALUES ('reg.example', '\x61206365727469666963617465', 1767269580000000);
INSERT INTO public.artifact_type VALUES (4, '', 'a/a');
INSERT INTO public.artifact_type VALUES (5, '', 's/s');
INSERT INTO public.artifact_type VALUES (6, 'typed', 't/t');
INSERT INTO public.audit VALUES (1767268860000001, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:01:00.000001Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/web","digest":"sha256:c72a63202eaa64e779de05374797714b3b83d913f36fe243545f6c08f01439c5","size":289}');
INSERT INTO public.audit VALUES (1767268920000003, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:02:00.000003Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/web","tags":["latest","moved","v1"],"digest":"sha256:8b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe","size":272}');
INSERT INTO public.audit VALUES (1767268980000000, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:03:00Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/web","digest":"sha256:cf051d3dfdf2fe96b72adb2c4657758ca45ac1d4c94afaf1ef6bcfed17ebbb23","size":310}');
INSERT INTO public.audit VALUES (1767269040000001, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:04:00.000001Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/web","tags":["typed"],"digest":"sha256:647d61667b3f1f17a691ea5982dd3c4aeab6ac0cbe9d3d8a7cc24f2baef7a5aa","size":145}');
INSERT INTO public.audit VALUES (1767269100000002, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:05:00.000002Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/web","tags":["moved"],"digest":"sha256:c72a63202eaa64e779de05374797714b3b83d913f36fe243545f6c08f01439c5","previous":"sha256:8b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe","size":289}');
INSERT INTO public.audit VALUES (1767269160000001, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:06:00.000001Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/web","tags":["dead"],"digest":"sha256:4246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e","size":123}');
INSERT INTO public.audit VALUES (1767269220000001, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:07:00.000001Z","count":1,"action":"manifest_delete","outcome":"allowed","repository":"acme/web","tags":["dead"],"digest":"sha256:4246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e","size":123}');
INSERT INTO public.audit VALUES (1767269280000003, 0, '', 'acme/team/db', 0, '{"id":"","time":"2026-01-01T12:08:00.000003Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/team/db","tags":["v1","v2"],"digest":"sha256:1d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5","size":142}');
INSERT INTO public.audit VALUES (1767269340000001, 0, '', 'acme/team/db', 0, '{"id":"","time":"2026-01-01T12:09:00.000001Z","count":1,"action":"tag_delete","outcome":"allowed","repository":"acme/team/db","tags":["v2"],"digest":"sha256:1d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5"}');
INSERT INTO public.audit VALUES (1767269400000002, 2, '', 'gone', 0, '{"id":"","time":"2026-01-01T12:10:00.000002Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"gone","tags":["v1"],"digest":"sha256:d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476","size":120}');
INSERT INTO public.audit VALUES (1767269460000003, 3, '', 'twice', 0, '{"id":"","time":"2026-01-01T12:11:00.000003Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"twice","tags":["v1","v2"],"digest":"sha256:d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476","size":120}');
INSERT INTO public.audit VALUES (1767269520000000, 3, '', 'twice', 0, '{"id":"","time":"2026-01-01T12:12:00Z","count":1,"action":"repository_delete","outcome":"allowed","repository":"twice"}');
INSERT INTO public.audit VALUES (1767269580000002, 3, '', 'twice', 0, '{"id":"","time":"2026-01-01T12:13:00.000002Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"twice","tags":["v2"],"digest":"sha256:827086595d011e1f92a0971a0177c4802bea7038eaf32a38f7a74c944422fd29","size":120}');
INSERT INTO public.audit VALUES (1767269580000001, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:13:00.000001Z","count":1,"action":"tag_delete","outcome":"allowed","repository":"acme/web","tags":["latest"],"digest":"sha256:8b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe"}');
INSERT INTO public.audit VALUES (1767269580000004, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:13:00.000004Z","count":1,"action":"manifest_put","outcome":"allowed","repository":"acme/web","tags":["v1"],"digest":"sha256:cfb14e4c5a532def16568ac2b1b1c8f7f15d8d0e39a0be2316da2c6f47ee1b6d","previous":"sha256:8b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe","size":144}');
INSERT INTO public.audit VALUES (1767269580000005, 2, '', 'acme/web', 0, '{"id":"","time":"2026-01-01T12:13:00.000005Z","count":1,"action":"manifest_delete","outcome":"allowed","repository":"acme/web","digest":"sha256:cf051d3dfdf2fe96b72adb2c4657758ca45ac1d4c94afaf1ef6bcfed17ebbb23","size":310}');
INSERT INTO public.audit VALUES (1767269580000006, 2, '', 'gone', 0, '{"id":"","time":"2026-01-01T12:13:00.000006Z","count":1,"action":"repository_delete","outcome":"allowed","repository":"gone"}');
INSERT INTO public.audit VALUES (1767269580000000, 4291192727505265, 'user:root', 'acme/', 0, '{"id":"","time":"2026-01-01T12:13:00Z","count":1,"action":"access_change","outcome":"allowed","actor":"user:root","scope":"namespace:acme","detail":"team: nothing -\u003e group:dev list,pull,push namespace:acme"}');
INSERT INTO public.audit VALUES (1767269580000000, 633387224139801, 'user:root', '', 0, '{"id":"","time":"2026-01-01T12:13:00Z","count":1,"action":"access_change","outcome":"allowed","actor":"user:root","scope":"registry","detail":"user:ada: nothing -\u003e user:ada groups=dev,ops password changed"}');
INSERT INTO public.audit VALUES (1767269580000000, 249531813096163, 'user:ada', '', 0, '{"id":"","time":"2026-01-01T12:13:00Z","count":1,"action":"access_change","outcome":"allowed","actor":"user:ada","groups":["dev","ops"],"scope":"registry","detail":"token:0ozungimvmkiqi: nothing -\u003e user:ada expires=2026-04-01T12:13:00Z scopes=pull namespace:acme"}');
INSERT INTO public.audit_fresh VALUES (1767268860000001, 2);
INSERT INTO public.audit_fresh VALUES (1767268920000003, 2);
INSERT INTO public.audit_fresh VALUES (1767268980000000, 2);
INSERT INTO public.audit_fresh VALUES (1767269040000001, 2);
INSERT INTO public.audit_fresh VALUES (1767269100000002, 2);
INSERT INTO public.audit_fresh VALUES (1767269160000001, 2);
INSERT INTO public.audit_fresh VALUES (1767269220000001, 2);
INSERT INTO public.audit_fresh VALUES (1767269280000003, 0);
INSERT INTO public.audit_fresh VALUES (1767269340000001, 0);
INSERT INTO public.audit_fresh VALUES (1767269400000002, 2);
INSERT INTO public.audit_fresh VALUES (1767269460000003, 3);
INSERT INTO public.audit_fresh VALUES (1767269520000000, 3);
INSERT INTO public.audit_fresh VALUES (1767269580000002, 3);
INSERT INTO public.audit_fresh VALUES (1767269580000001, 2);
INSERT INTO public.audit_fresh VALUES (1767269580000004, 2);
INSERT INTO public.audit_fresh VALUES (1767269580000005, 2);
INSERT INTO public.audit_fresh VALUES (1767269580000006, 2);
INSERT INTO public.audit_fresh VALUES (1767269580000000, 4291192727505265);
INSERT INTO public.audit_fresh VALUES (1767269580000000, 633387224139801);
INSERT INTO public.audit_fresh VALUES (1767269580000000, 249531813096163);
INSERT INTO public.blob VALUES (130, '\x01dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85', 2, 1);
INSERT INTO public.blob VALUES (128, '\x01dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85', 0, 1);
INSERT INTO public.content VALUES (194, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c22617274696661637454797065223a22612f61222c226d616e696665737473223a6e756c6c2c22616e6e6f746174696f6e73223a7b226e616d65223a226368696c64227d2c226c6179657273223a5b7b226d6564696154797065223a226170706c69636174696f6e2f6f637465742d73747265616d222c22646967657374223a227368613235363a64616331643763666139353032313736343834396664313032353234653134313438386335653361393066383631646262356131326439616338353834663835222c2273697a65223a317d5d7d');
INSERT INTO public.content VALUES (258, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c226d616e696665737473223a5b7b226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c22646967657374223a227368613235363a63373261363332303265616136346537373964653035333734373937373134623362383364393133663336666532343335343566366330386630313433396335222c2273697a65223a327d5d2c22616e6e6f746174696f6e73223a7b226e616d65223a22696e646578227d7d');
INSERT INTO public.content VALUES (578, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c22617274696661637454797065223a22742f74222c226d616e696665737473223a6e756c6c2c22616e6e6f746174696f6e73223a7b226e616d65223a227479706564227d7d');
INSERT INTO public.content VALUES (256, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c22617274696661637454797065223a22612f61222c226d616e696665737473223a6e756c6c2c22616e6e6f746174696f6e73223a7b226e616d65223a226462227d7d');
INSERT INTO public.content VALUES (1026, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c226d616e696665737473223a6e756c6c2c22616e6e6f746174696f6e73223a7b226e616d65223a2278227d7d');
INSERT INTO public.content VALUES (131, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c226d616e696665737473223a6e756c6c2c22616e6e6f746174696f6e73223a7b226e616d65223a2278227d7d');
INSERT INTO public.content VALUES (387, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c226d616e696665737473223a6e756c6c2c22616e6e6f746174696f6e73223a7b226e616d65223a2279227d7d');
INSERT INTO public.content VALUES (1218, '\x7b22736368656d6156657273696f6e223a322c226d6564696154797065223a226170706c69636174696f6e2f766e642e6f63692e696d6167652e6d616e69666573742e76312b6a736f6e222c22617274696661637454797065223a22612f61222c226d616e696665737473223a6e756c6c2c22616e6e6f746174696f6e73223a7b226e616d65223a226c617465227d7d');
INSERT INTO public.epoch VALUES (1, '\xcd1e798bd7ee77d7', '7710871857524613591/1/1411704/1411717', '0 0 0 0', 1767268800000000);
INSERT INTO public.feed VALUES (0, 7, 2, 1767268860000000, 66, 0);
INSERT INTO public.feed VALUES (1, 7, 2, 1767268860000000, 66, 0);
INSERT INTO public.feed VALUES (0, 2, 2, 1767268860000001, 194, 4);
INSERT INTO public.feed VALUES (1, 2, 2, 1767268860000001, 194, 4);
INSERT INTO public.feed VALUES (-6, 2, 2, 1767268860000001, 194, 4);
INSERT INTO public.feed VALUES (0, 2, 2, 1767268920000000, 258, 0);
INSERT INTO public.feed VALUES (1, 2, 2, 1767268920000000, 258, 0);
INSERT INTO public.feed VALUES (-2, 2, 2, 1767268920000000, 258, 0);
INSERT INTO public.feed VALUES (0, 1, 2, 1767269040000000, 578, 6);
INSERT INTO public.feed VALUES (1, 1, 2, 1767269040000000, 578, 6);
INSERT INTO public.feed VALUES (-8, 1, 2, 1767269040000000, 578, 6);
INSERT INTO public.feed VALUES (0, 2, 2, 1767269040000000, 578, 6);
INSERT INTO public.feed VALUES (1, 2, 2, 1767269040000000, 578, 6);
INSERT INTO public.feed VALUES (-8, 2, 2, 1767269040000000, 578, 6);
INSERT INTO public.feed VALUES (0, 3, 2, 1767269040000001, 642, 6);
INSERT INTO public.feed VALUES (1, 3, 2, 1767269040000001, 642, 6);
INSERT INTO public.feed VALUES (-8, 3, 2, 1767269040000001, 642, 6);
INSERT INTO public.feed VALUES (0, 4, 2, 1767269040000001, 642, 6);
INSERT INTO public.feed VALUES (1, 4, 2, 1767269040000001, 642, 6);
INSERT INTO public.feed VALUES (-8, 4, 2, 1767269040000001, 642, 6);
INSERT INTO public.feed VALUES (-6, 1, 2, 1767269100000000, 194, 4);
INSERT INTO public.feed VALUES (0, 1, 2, 1767269100000000, 194, 4);
INSERT INTO public.feed VALUES (1, 1, 2, 1767269100000000, 194, 4);
INSERT INTO public.feed VALUES (0, 3, 2, 1767269100000002, 386, 4);
INSERT INTO public.feed VALUES (1, 3, 2, 1767269100000002, 386, 4);
INSERT INTO public.feed VALUES (0, 4, 2, 1767268920000002, 386, 4);
INSERT INTO public.feed VALUES (1, 4, 2, 1767268920000002, 386, 4);
INSERT INTO public.feed VALUES (-6, 3, 2, 1767269100000002, 386, 4);
INSERT INTO public.feed VALUES (-6, 4, 2, 1767268920000002, 386, 4);
INSERT INTO public.feed VALUES (0, 6, 2, 1767269220000000, 834, 0);
INSERT INTO public.feed VALUES (1, 6, 2, 1767269220000000, 834, 0);
INSERT INTO public.feed VALUES (0, 5, 2, 1767269220000001, 898, 0);
INSERT INTO public.feed VALUES (1, 5, 2, 1767269220000001, 898, 0);
INSERT INTO public.feed VALUES (0, 7, 0, 1767269280000000, 192, 0);
INSERT INTO public.feed VALUES (1, 7, 0, 1767269280000000, 192, 0);
INSERT INTO public.feed VALUES (2, 7, 0, 1767269280000000, 192, 0);
INSERT INTO public.feed VALUES (0, 2, 0, 1767269280000001, 256, 4);
INSERT INTO public.feed VALUES (1, 2, 0, 1767269280000001, 256, 4);
INSERT INTO public.feed VALUES (2, 2, 0, 1767269280000001, 256, 4);
INSERT INTO public.feed VALUES (-6, 2, 0, 1767269280000001, 256, 4);
INSERT INTO public.feed VALUES (0, 3, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (1, 3, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (2, 3, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (-6, 3, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (0, 4, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (1, 4, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (2, 4, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (-6, 4, 0, 1767269280000002, 320, 4);
INSERT INTO public.feed VALUES (-6, 1, 0, 1767269340000000, 256, 4);
INSERT INTO public.feed VALUES (0, 1, 0, 1767269340000000, 256, 4);
INSERT INTO public.feed VALUES (1, 1, 0, 1767269340000000, 256, 4);
INSERT INTO public.feed VALUES (2, 1, 0, 1767269340000000, 256, 4);
INSERT INTO public.feed VALUES (-2, 1, 2, 1767269580000003, 258, 0);
INSERT INTO public.feed VALUES (0, 1, 2, 1767269580000003, 258, 0);
INSERT INTO public.feed VALUES (1, 1, 2, 1767269580000003, 258, 0);
INSERT INTO public.feed VALUES (0, 3, 2, 1767269580000004, 450, 4);
INSERT INTO public.feed VALUES (1, 3, 2, 1767269580000004, 450, 4);
INSERT INTO public.feed VALUES (0, 4, 2, 1767268920000003, 450, 4);
INSERT INTO public.feed VALUES (1, 4, 2, 1767268920000003, 450, 4);
INSERT INTO public.feed VALUES (0, 6, 0, 1767269340000001, 448, 0);
INSERT INTO public.feed VALUES (1, 6, 0, 1767269340000001, 448, 0);
INSERT INTO public.feed VALUES (2, 6, 0, 1767269340000001, 448, 0);
INSERT INTO public.feed VALUES (0, 1, 2, 1767269400000001, 1026, 0);
INSERT INTO public.feed VALUES (-2, 1, 2, 1767269400000001, 1026, 0);
INSERT INTO public.feed VALUES (0, 2, 2, 1767269400000001, 1026, 0);
INSERT INTO public.feed VALUES (-2, 2, 2, 1767269400000001, 1026, 0);
INSERT INTO public.feed VALUES (0, 3, 2, 1767269400000002, 1090, 0);
INSERT INTO public.feed VALUES (-2, 3, 2, 1767269400000002, 1090, 0);
INSERT INTO public.feed VALUES (0, 4, 2, 1767269400000002, 1090, 0);
INSERT INTO public.feed VALUES (-2, 4, 2, 1767269400000002, 1090, 0);
INSERT INTO public.feed VALUES (0, 1, 3, 1767269460000001, 131, 0);
INSERT INTO public.feed VALUES (-2, 1, 3, 1767269460000001, 131, 0);
INSERT INTO public.feed VALUES (0, 2, 3, 1767269460000001, 131, 0);
INSERT INTO public.feed VALUES (-2, 2, 3, 1767269460000001, 131, 0);
INSERT INTO public.feed VALUES (0, 3, 3, 1767269460000002, 195, 0);
INSERT INTO public.feed VALUES (-2, 3, 3, 1767269460000002, 195, 0);
INSERT INTO public.feed VALUES (0, 4, 3, 1767269460000002, 195, 0);
INSERT INTO public.feed VALUES (-2, 4, 3, 1767269460000002, 195, 0);
INSERT INTO public.feed VALUES (0, 3, 3, 1767269460000003, 259, 0);
INSERT INTO public.feed VALUES (-2, 3, 3, 1767269460000003, 259, 0);
INSERT INTO public.feed VALUES (0, 4, 3, 1767269460000003, 259, 0);
INSERT INTO public.feed VALUES (-2, 4, 3, 1767269460000003, 259, 0);
INSERT INTO public.feed VALUES (0, 7, 3, 1767269580000000, 323, 0);
INSERT INTO public.feed VALUES (0, 1, 3, 1767269580000001, 387, 0);
INSERT INTO public.feed VALUES (-2, 1, 3, 1767269580000001, 387, 0);
INSERT INTO public.feed VALUES (0, 2, 3, 1767269580000001, 387, 0);
INSERT INTO public.feed VALUES (-2, 2, 3, 1767269580000001, 387, 0);
INSERT INTO public.feed VALUES (0, 3, 3, 1767269580000002, 451, 0);
INSERT INTO public.feed VALUES (-2, 3, 3, 1767269580000002, 451, 0);
INSERT INTO public.feed VALUES (0, 4, 3, 1767269580000002, 451, 0);
INSERT INTO public.feed VALUES (-2, 4, 3, 1767269580000002, 451, 0);
INSERT INTO public.feed VALUES (0, 6, 2, 1767269580000001, 1154, 0);
INSERT INTO public.feed VALUES (1, 6, 2, 1767269580000001, 1154, 0);
INSERT INTO public.feed VALUES (0, 1, 2, 1767269580000002, 1218, 4);
INSERT INTO public.feed VALUES (1, 1, 2, 1767269580000002, 1218, 4);
INSERT INTO public.feed VALUES (-6, 1, 2, 1767269580000002, 1218, 4);
INSERT INTO public.feed VALUES (0, 2, 2, 1767269580000002, 1218, 4);
INSERT INTO public.feed VALUES (1, 2, 2, 1767269580000002, 1218, 4);
INSERT INTO public.feed VALUES (-6, 2, 2, 1767269580000002, 1218, 4);
INSERT INTO public.feed VALUES (-1, 1, 2, 1767269580000003, 258, 0);
INSERT INTO public.feed VALUES (-1, 2, 2, 1767268920000000, 258, 0);
INSERT INTO public.feed VALUES (-6, 3, 2, 1767269580000004, 450, 4);
INSERT INTO public.feed VALUES (-6, 4, 2, 1767268920000003, 450, 4);
INSERT INTO public.feed VALUES (0, 5, 2, 1767269580000005, 1282, 0);
INSERT INTO public.feed VALUES (1, 5, 2, 1767269580000005, 1282, 0);
INSERT INTO public.feed VALUES (0, 8, 2, 1767269580000006, 962, 0);
INSERT INTO public.grant_set VALUES ('\xa7c07a01c3db4677bbe3f4ea11540088', '[{"from":"","to":""}]', 1795376406784290);
INSERT INTO public.head VALUES (1, 0, 0, 1, 0, 0);
INSERT INTO public.head VALUES (0, 6, 1767269340000001, 8, 0, 0);
INSERT INTO public.head VALUES (3, 8, 1767269580000002, 8, 0, 0);
INSERT INTO public.head VALUES (2, 26, 1767269580000006, 21, 0, 0);
INSERT INTO public.journal VALUES (2, 1767268860000000, 1, 66, 1, 1, 1, 'acme/web', NULL, NULL, 0, 0, 0, 3);
INSERT INTO public.journal VALUES (2, 1767268860000001, 2, 66, 2, 1, 2, '', '\x01c72a63202eaa64e779de05374797714b3b83d913f36fe243545f6c08f01439c5', NULL, 4, 0, 8, 3);
INSERT INTO public.journal VALUES (2, 1767268920000000, 3, 66, 3, 1, 2, '', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (2, 1767268920000001, 4, 66, 4, 1, 3, 'latest', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (2, 1767268920000002, 5, 66, 5, 1, 3, 'moved', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (2, 1767268920000003, 6, 66, 6, 1, 3, 'v1', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', NULL, 0, 0, 12, 3);
INSERT INTO public.journal VALUES (2, 1767268980000000, 7, 66, 7, 1, 2, '', '\x01cf051d3dfdf2fe96b72adb2c4657758ca45ac1d4c94afaf1ef6bcfed17ebbb23', NULL, 5, 0, 8, 3);
INSERT INTO public.journal VALUES (2, 1767269040000000, 8, 66, 8, 1, 2, '', '\x01647d61667b3f1f17a691ea5982dd3c4aeab6ac0cbe9d3d8a7cc24f2baef7a5aa', NULL, 6, 0, 4, 3);
INSERT INTO public.journal VALUES (2, 1767269040000001, 9, 66, 9, 1, 3, 'typed', '\x01647d61667b3f1f17a691ea5982dd3c4aeab6ac0cbe9d3d8a7cc24f2baef7a5aa', NULL, 6, 0, 12, 3);
INSERT INTO public.journal VALUES (2, 1767269100000000, 10, 66, 10, 2, 2, '', '\x01c72a63202eaa64e779de05374797714b3b83d913f36fe243545f6c08f01439c5', NULL, 4, 4, 5, 3);
INSERT INTO public.journal VALUES (2, 1767269100000001, 11, 66, 11, 2, 2, '', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', NULL, 0, 0, 7, 3);
INSERT INTO public.journal VALUES (2, 1767269100000002, 12, 66, 12, 2, 3, 'moved', '\x01c72a63202eaa64e779de05374797714b3b83d913f36fe243545f6c08f01439c5', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', 4, 0, 15, 3);
INSERT INTO public.journal VALUES (2, 1767269160000000, 13, 66, 13, 1, 2, '', '\x014246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (2, 1767269160000001, 14, 66, 14, 1, 3, 'dead', '\x014246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e', NULL, 0, 0, 12, 3);
INSERT INTO public.journal VALUES (2, 1767269220000000, 15, 66, 15, 3, 3, 'dead', NULL, '\x014246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e', 0, 0, 3, 3);
INSERT INTO public.journal VALUES (2, 1767269220000001, 16, 66, 16, 3, 2, '', '\x014246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e', NULL, 0, 0, 11, 3);
INSERT INTO public.journal VALUES (0, 1767269280000000, 1, 192, 1, 1, 1, 'acme/team/db', NULL, NULL, 0, 0, 0, 3);
INSERT INTO public.journal VALUES (0, 1767269280000001, 2, 192, 2, 1, 2, '', '\x011d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5', NULL, 4, 0, 4, 3);
INSERT INTO public.journal VALUES (0, 1767269280000002, 3, 192, 3, 1, 3, 'v1', '\x011d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5', NULL, 4, 0, 4, 3);
INSERT INTO public.journal VALUES (0, 1767269280000003, 4, 192, 4, 1, 3, 'v2', '\x011d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5', NULL, 4, 0, 12, 3);
INSERT INTO public.journal VALUES (0, 1767269340000000, 5, 192, 5, 2, 2, '', '\x011d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5', NULL, 4, 4, 7, 3);
INSERT INTO public.journal VALUES (0, 1767269340000001, 6, 192, 6, 3, 3, 'v2', NULL, '\x011d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5', 0, 4, 11, 3);
INSERT INTO public.journal VALUES (2, 1767269400000000, 17, 962, 1, 1, 1, 'gone', NULL, NULL, 0, 0, 0, 3);
INSERT INTO public.journal VALUES (2, 1767269400000001, 18, 962, 2, 1, 2, '', '\x01d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (2, 1767269400000002, 19, 962, 3, 1, 3, 'v1', '\x01d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476', NULL, 0, 0, 12, 3);
INSERT INTO public.journal VALUES (3, 1767269460000000, 1, 67, 1, 1, 1, 'twice', NULL, NULL, 0, 0, 0, 3);
INSERT INTO public.journal VALUES (3, 1767269460000001, 2, 67, 2, 1, 2, '', '\x01d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (3, 1767269460000002, 3, 67, 3, 1, 3, 'v1', '\x01d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (3, 1767269460000003, 4, 67, 4, 1, 3, 'v2', '\x01d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476', NULL, 0, 0, 12, 3);
INSERT INTO public.journal VALUES (3, 1767269520000000, 5, 67, 5, 3, 1, 'twice', NULL, NULL, 0, 0, 9, 3);
INSERT INTO public.journal VALUES (3, 1767269580000000, 6, 323, 1, 1, 1, 'twice', NULL, NULL, 0, 0, 0, 3);
INSERT INTO public.journal VALUES (3, 1767269580000001, 7, 323, 2, 1, 2, '', '\x01827086595d011e1f92a0971a0177c4802bea7038eaf32a38f7a74c944422fd29', NULL, 0, 0, 4, 3);
INSERT INTO public.journal VALUES (3, 1767269580000002, 8, 323, 3, 1, 3, 'v2', '\x01827086595d011e1f92a0971a0177c4802bea7038eaf32a38f7a74c944422fd29', NULL, 0, 0, 12, 3);
INSERT INTO public.journal VALUES (2, 1767269580000000, 20, 66, 17, 2, 2, '', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', NULL, 0, 0, 7, 3);
INSERT INTO public.journal VALUES (2, 1767269580000001, 21, 66, 18, 3, 3, 'latest', NULL, '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', 0, 0, 11, 3);
INSERT INTO public.journal VALUES (2, 1767269580000002, 22, 66, 19, 1, 2, '', '\x01cfb14e4c5a532def16568ac2b1b1c8f7f15d8d0e39a0be2316da2c6f47ee1b6d', NULL, 4, 0, 4, 3);
INSERT INTO public.journal VALUES (2, 1767269580000003, 23, 66, 20, 2, 2, '', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', NULL, 0, 0, 3, 3);
INSERT INTO public.journal VALUES (2, 1767269580000004, 24, 66, 21, 2, 3, 'v1', '\x01cfb14e4c5a532def16568ac2b1b1c8f7f15d8d0e39a0be2316da2c6f47ee1b6d', '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', 4, 0, 15, 3);
INSERT INTO public.journal VALUES (2, 1767269580000005, 25, 66, 22, 3, 2, '', '\x01cf051d3dfdf2fe96b72adb2c4657758ca45ac1d4c94afaf1ef6bcfed17ebbb23', NULL, 0, 5, 9, 3);
INSERT INTO public.journal VALUES (2, 1767269580000006, 26, 962, 4, 3, 1, 'gone', NULL, NULL, 0, 0, 9, 3);
INSERT INTO public.manifest VALUES (578, 66, '\x01647d61667b3f1f17a691ea5982dd3c4aeab6ac0cbe9d3d8a7cc24f2baef7a5aa', 1, 6, 145, 0, NULL, NULL, 1, 8, 1767269040000000, 1767269040000000, 0, '{"k":"v"}', 1, 0);
INSERT INTO public.manifest VALUES (194, 66, '\x01c72a63202eaa64e779de05374797714b3b83d913f36fe243545f6c08f01439c5', 1, 4, 289, 2, NULL, NULL, 1, 10, 1767268860000001, 1767269100000000, 0, NULL, 1, 0);
INSERT INTO public.manifest VALUES (256, 192, '\x011d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5', 1, 4, 142, 0, NULL, NULL, 1, 5, 1767269280000001, 1767269340000000, 0, NULL, 1, 0);
INSERT INTO public.manifest VALUES (1026, 962, '\x01d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476', 1, 0, 120, 0, NULL, NULL, 1, 2, 1767269400000001, 1767269400000001, 0, NULL, 1, 0);
INSERT INTO public.manifest VALUES (131, 67, '\x01d6315ff5ec3969ad0c75e6dc68bbc832d9662dea1d824d67bbd14533ffa64476', 1, 0, 120, 0, NULL, NULL, 2, 2, 1767269460000001, 1767269460000001, 0, NULL, 1, 0);
INSERT INTO public.manifest VALUES (387, 323, '\x01827086595d011e1f92a0971a0177c4802bea7038eaf32a38f7a74c944422fd29', 1, 0, 120, 0, NULL, NULL, 1, 2, 1767269580000001, 1767269580000001, 0, NULL, 1, 0);
INSERT INTO public.manifest VALUES (1218, 66, '\x01cfb14e4c5a532def16568ac2b1b1c8f7f15d8d0e39a0be2316da2c6f47ee1b6d', 1, 4, 144, 0, NULL, NULL, 1, 19, 1767269580000002, 1767269580000002, 0, NULL, 1, 0);
INSERT INTO public.manifest VALUES (258, 66, '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', 1, 0, 272, 0, NULL, '{"k":"v"}', 0, 20, 1767268920000000, 1767269580000003, 0, NULL, 1, 0);
INSERT INTO public.manifest_blob VALUES (66, 130, 194);
INSERT INTO public.manifest_child VALUES (66, '\x01c72a63202eaa64e779de05374797714b3b83d913f36fe243545f6c08f01439c5', 258);
INSERT INTO public.namespace VALUES (1, 'acme');
INSERT INTO public.namespace VALUES (2, 'acme/team');
INSERT INTO public.purge VALUES (67, 'twice');
INSERT INTO public.purge VALUES (962, 'gone');
INSERT INTO public.refresh_token VALUES ('\x29f52308517a618321784f82dfd5ad8b9d3e7b91c18d8b0eaf9c6aeb68843697', 'user:ada', '["dev","ops"]', 'session:', '', 'docker', 1767269580000000, 1775045580000000, '', 0);
INSERT INTO public.repository VALUES (64, 'uploads/only', NULL, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO public.repository VALUES (192, 'acme/team/db', '\x919d7fb5d392a1e80b1aa1a4', 6, 1767269280000000, 1767269340000001, 0, 1, 1, 142);
INSERT INTO public.repository VALUES (323, 'twice', '\xf2da55684ffd26ba88de1d64', 3, 1767269580000000, 1767269580000002, 1767269520000000, 1, 1, 120);
INSERT INTO public.repository VALUES (66, 'acme/web', '\xa3427415cefeb3a91897e4ae', 22, 1767268860000000, 1767269580000005, 0, 3, 4, 850);
INSERT INTO public.repository_blob VALUES (66, 130);
INSERT INTO public.repository_blob VALUES (64, 128);
INSERT INTO public.repository_past VALUES (67, 'twice', '\xde9088e17a12b70d6af38ca5', 5, 1767269460000000, 1767269520000000);
INSERT INTO public.repository_past VALUES (962, 'gone', '\xeff932a4714283e52eb05c4c', 4, 1767269400000000, 1767269580000006);
INSERT INTO public.schema_version VALUES (1, 'catalog', 1795376406753);
INSERT INTO public.schema_version VALUES (2, 'sparse', 1795376406755);
INSERT INTO public.schema_version VALUES (3, 'small_blobs', 1795376406756);
INSERT INTO public.schema_version VALUES (4, 'types', 1795376406761);
INSERT INTO public.schema_version VALUES (5, 'policies', 1795376406762);
INSERT INTO public.schema_version VALUES (6, 'retyping', 1795376406763);
INSERT INTO public.schema_version VALUES (7, 'tag_history', 1795376406764);
INSERT INTO public.schema_version VALUES (8, 'orphans', 1795376406766);
INSERT INTO public.schema_version VALUES (9, 'access', 1795376406768);
INSERT INTO public.schema_version VALUES (10, 'accounts', 1795376406771);
INSERT INTO public.schema_version VALUES (11, 'tokens', 1795376406774);
INSERT INTO public.schema_version VALUES (12, 'audit', 1795376406777);
INSERT INTO public.schema_version VALUES (13, 'sessions', 1795376406778);
INSERT INTO public.schema_version VALUES (14, 'replicas', 1795376406781);
INSERT INTO public.setting VALUES ('shards', '\x34');
INSERT INTO public.setting VALUES ('cursor-key', '\x37d13648d27bde863ac58b18c51322e4a334f035595e3155c94fd8e47c38416c');
INSERT INTO public.setting VALUES ('token-service', '\x78d30ae05beb05f3');
INSERT INTO public.tag VALUES (642, 66, 'typed', 578, 1767269040000001, 3, 9, 1767269040000001, 1767269040000001, 0);
INSERT INTO public.tag VALUES (386, 66, 'moved', 194, 1767269100000002, 3, 12, 1767268920000002, 1767269100000002, 0);
INSERT INTO public.tag VALUES (320, 192, 'v1', 256, 1767269280000002, 3, 3, 1767269280000002, 1767269280000002, 0);
INSERT INTO public.tag VALUES (1090, 962, 'v1', 1026, 1767269400000002, 3, 3, 1767269400000002, 1767269400000002, 0);
INSERT INTO public.tag VALUES (195, 67, 'v1', 131, 1767269460000002, 3, 3, 1767269460000002, 1767269460000002, 0);
INSERT INTO public.tag VALUES (259, 67, 'v2', 131, 1767269460000003, 3, 4, 1767269460000003, 1767269460000003, 0);
INSERT INTO public.tag VALUES (451, 323, 'v2', 387, 1767269580000002, 3, 3, 1767269580000002, 1767269580000002, 0);
INSERT INTO public.tag VALUES (450, 66, 'v1', 1218, 1767269580000004, 3, 21, 1767268920000003, 1767269580000004, 0);
INSERT INTO public.tag_past VALUES (66, 'moved', 1767268920000002, 1767269100000002, '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', 3, 1, 272);
INSERT INTO public.tag_past VALUES (66, 'dead', 1767269160000001, 1767269220000000, '\x014246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e', 3, 1, 123);
INSERT INTO public.tag_past VALUES (192, 'v2', 1767269280000003, 1767269340000001, '\x011d678148121a0481a5c98c8861cc84c7d7ff724d7ac41e2e93e4088cc72edad5', 3, 1, 142);
INSERT INTO public.tag_past VALUES (66, 'latest', 1767268920000001, 1767269580000001, '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', 3, 1, 272);
INSERT INTO public.tag_past VALUES (66, 'v1', 1767268920000003, 1767269580000004, '\x018b13410013f3fadcaac91c40c4351655fc07cb1d46c49d924416a813b1b47abe', 3, 1, 272);
INSERT INTO public.token_key VALUES ('586954a3cd9c3a63', 1767269580000000, 0, '\x39fa5fc309faca5cca23350edf901ceb248b6f949f3eba7d3add12d1c6471f5f');
INSERT INTO public.tombstone VALUES (834, 66, 6, 'dead', 1767269220000000);
INSERT INTO public.tombstone VALUES (898, 66, 5, 'sha256:4246df72ea0fba128846796ffbe2dd9fad71ad5c3ecb98ee7d19876caf40be0e', 1767269220000001);
INSERT INTO public.tombstone VALUES (448, 192, 6, 'v2', 1767269340000001);
INSERT INTO public.tombstone VALUES (1154, 66, 6, 'latest', 1767269580000001);
INSERT INTO public.tombstone VALUES (1282, 66, 5, 'sha256:cf051d3dfdf2fe96b72adb2c4657758ca45ac1d4c94afaf1ef6bcfed17ebbb23', 1767269580000005);
INSERT INTO public.typing VALUES (0, 0, '{}', '{}');
INSERT INTO public.word VALUES (1, 'application/vnd.oci.image.manifest.v1+json');
INSERT INTO public.word VALUES (2, 'linux/amd64');
INSERT INTO public.word VALUES (3, 'ada');
INSERT INTO public.word VALUES (4, 'a/a');
INSERT INTO public.word VALUES (5, 's/s');
INSERT INTO public.word VALUES (6, 'typed
t/t');
SELECT pg_catalog.setval('public.namespace_id_seq', 2, true);
SELECT pg_catalog.setval('public.word_id_seq', 6, true);
ALTER TABLE ONLY public.access_change
    ADD CONSTRAINT access_change_pkey PRIMARY KEY (generation);
ALTER TABLE ONLY public.access_generation
    ADD CONSTRAINT access_generation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.access_rule
    ADD CONSTRAINT access_rule_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account_generation
    ADD CONSTRAINT account_generation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (subject);
ALTER TABLE ONLY public.account_token
    ADD CONSTRAINT account_token_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.acme
    ADD CONSTRAINT acme_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.artifact_type
    ADD CONSTRAINT artifact_type_pkey PRIMARY KEY (word);
ALTER TABLE ONLY public.audit_fresh
    ADD CONSTRAINT audit_fresh_pkey PRIMARY KEY (pos, source);
ALTER TABLE ONLY public.audit_outbox
    ADD CONSTRAINT audit_outbox_pkey PRIMARY KEY (pos, source);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (pos, source);
ALTER TABLE ONLY public.audit_place
    ADD CONSTRAINT audit_place_pkey PRIMARY KEY (place, pos, source);
ALTER TABLE ONLY public.blob_content
    ADD CONSTRAINT blob_content_pkey PRIMARY KEY (blob);
ALTER TABLE ONLY public.blob
    ADD CONSTRAINT blob_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.content
    ADD CONSTRAINT content_pkey PRIMARY KEY (manifest);
ALTER TABLE ONLY public.definition
    ADD CONSTRAINT definition_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.ended_session
    ADD CONSTRAINT ended_session_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.epoch
    ADD CONSTRAINT epoch_pkey PRIMARY KEY (n);
ALTER TABLE ONLY public.feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (list, kind, shard, pos);
ALTER TABLE ONLY public.grant_set
    ADD CONSTRAINT grant_set_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (shard);
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (shard, pos);
ALTER TABLE ONLY public.manifest_blob
    ADD CONSTRAINT manifest_blob_pkey PRIMARY KEY (repo, blob, manifest);
ALTER TABLE ONLY public.manifest_child
    ADD CONSTRAINT manifest_child_pkey PRIMARY KEY (repo, child, manifest);
ALTER TABLE ONLY public.manifest_missing
    ADD CONSTRAINT manifest_missing_pkey PRIMARY KEY (repo, digest, manifest);
ALTER TABLE ONLY public.manifest
    ADD CONSTRAINT manifest_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.namespace
    ADD CONSTRAINT namespace_name_key UNIQUE (name);
ALTER TABLE ONLY public.namespace
    ADD CONSTRAINT namespace_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.orphan
    ADD CONSTRAINT orphan_pkey PRIMARY KEY (repo, kind, digest);
ALTER TABLE ONLY public.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.purge
    ADD CONSTRAINT purge_pkey PRIMARY KEY (repo);
ALTER TABLE ONLY public.refresh_token
    ADD CONSTRAINT refresh_token_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.repository_blob
    ADD CONSTRAINT repository_blob_pkey PRIMARY KEY (repo, blob);
ALTER TABLE ONLY public.repository
    ADD CONSTRAINT repository_name_key UNIQUE (name);
ALTER TABLE ONLY public.repository_past
    ADD CONSTRAINT repository_past_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.repository
    ADD CONSTRAINT repository_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.retyping
    ADD CONSTRAINT retyping_pkey PRIMARY KEY (manifest);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.tag_past
    ADD CONSTRAINT tag_past_pkey PRIMARY KEY (repo, name, opened);
ALTER TABLE ONLY public.tag
    ADD CONSTRAINT tag_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.token_key
    ADD CONSTRAINT token_key_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tombstone
    ADD CONSTRAINT tombstone_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.turn
    ADD CONSTRAINT turn_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.typing
    ADD CONSTRAINT typing_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.typing_walk
    ADD CONSTRAINT typing_walk_pkey PRIMARY KEY (shard);
ALTER TABLE ONLY public.word
    ADD CONSTRAINT word_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.word
    ADD CONSTRAINT word_text_key UNIQUE (text);
CREATE INDEX account_token_expires ON public.account_token USING btree (expires, id);
CREATE INDEX account_token_owner ON public.account_token USING btree (owner, id);
CREATE INDEX artifact_type_media ON public.artifact_type USING btree (media, word);
CREATE INDEX artifact_type_short ON public.artifact_type USING btree (short, word);
CREATE INDEX audit_refused ON public.audit USING btree (pos, source) WHERE (refused = 1);
CREATE UNIQUE INDEX blob_digest ON public.blob USING btree (digest, shard);
CREATE INDEX ended_session_subject ON public.ended_session USING btree (subject);
CREATE INDEX manifest_born ON public.manifest USING btree (repo, born);
CREATE UNIQUE INDEX manifest_digest ON public.manifest USING btree (repo, digest, type);
CREATE INDEX manifest_missing_manifest ON public.manifest_missing USING btree (manifest);
CREATE INDEX manifest_mod ON public.manifest USING btree (repo, mod);
CREATE INDEX manifest_subject ON public.manifest USING btree (subject, repo, digest) WHERE (subject IS NOT NULL);
CREATE INDEX manifest_untagged ON public.manifest USING btree (repo, digest) WHERE (tagged = 0);
CREATE INDEX orphan_at ON public.orphan USING btree (shard, at);
CREATE INDEX refresh_token_expires ON public.refresh_token USING btree (expires);
CREATE INDEX refresh_token_subject ON public.refresh_token USING btree (subject, hash);
CREATE INDEX repository_blob_blob ON public.repository_blob USING btree (blob, repo);
CREATE INDEX repository_live ON public.repository USING btree (name) WHERE (born > 0);
CREATE INDEX repository_past_ended ON public.repository_past USING btree (ended);
CREATE INDEX repository_past_name ON public.repository_past USING btree (name, ended);
CREATE INDEX tag_born ON public.tag USING btree (repo, born);
CREATE INDEX tag_manifest ON public.tag USING btree (manifest, name);
CREATE INDEX tag_mod ON public.tag USING btree (repo, mod);
CREATE UNIQUE INDEX tag_name ON public.tag USING btree (repo, name);
CREATE INDEX tombstone_mod ON public.tombstone USING btree (repo, kind, mod);
CREATE UNIQUE INDEX tombstone_name ON public.tombstone USING btree (repo, kind, name);
