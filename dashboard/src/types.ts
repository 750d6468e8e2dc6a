// The objects of the HTTP API (docs/api.md). Unknown fields are ignored, so only what the page uses stands here.

export type CallState = "started" | "ringing" | "early" | "answered" | "held" | "ended";
export type CallResult = "answered" | "no_answer" | "busy" | "canceled" | "rejected" | "failed" | "redirected";
export type RecordingState = "none" | "active" | "pending" | "ready" | "failed";
export type Time = string;

export interface Party { uri: string; user: string; name: string; e164: string | null }

/** What digits at a site mean. */
export interface DialPlanNew {
  site: string; country_code: string; area_code: string; trunk_prefix: string; number_base: string;
  international_prefixes: string[]; outside_prefixes: string[]; short_numbers: string[];
  extension_lengths: number[]; national_lengths: number[]; local_lengths: number[];
  plain: "none" | "national" | "international";
}
export interface DialPlan extends DialPlanNew { updated_at: string; updated_by: string }
export interface Address { ip: string; port: number }

export interface Call {
  id: string;
  revision: number;
  site: string;
  harvesters: string[];
  live: boolean;
  state: CallState;
  result: CallResult | null;
  protocol: "sip" | "sccp" | "mgcp" | "iax2" | "h323";
  sip_status: number | null;
  sip_reason: string | null;
  hangup_by: string | null;
  from: Party;
  to: Party;
  started_at: Time;
  ringing_at: Time | null;
  answered_at: Time | null;
  ended_at: Time | null;
  setup_seconds: number | null;
  ring_seconds: number | null;
  talk_seconds: number | null;
  duration_seconds: number | null;
  hold_seconds: number;
  hold_count: number;
  sip_call_ids: string[];
  message_count: number;
  recording_state: RecordingState;
  end_reason: string | null;
  end_assumed: boolean;
  q850_cause: number | null;
  held_by: "caller" | "callee" | "both" | null;
  merged_into: string | null;
  diverted_by: string[];
  transfers: Transfer[];
  related: RelatedCall[];
  conference: boolean;
  agents: CallAgent[];
  recording_policy: RecordingPolicy | null;
  paused: { from: Time; until: Time; by: string; reason: string } | null;
  codecs: string[];
  quality: {
    packets: number; lost: number; loss_pct: number; jitter_ms_max: number;
    mos_min: number | null; mos_avg: number | null; one_way: "caller" | "callee" | null; capture_lost: number; capture_lost_bound: boolean;
  } | null;
  listeners: number;
}

export interface CallAgent { id: string; name: string; team: string; side: "caller" | "callee"; matched_by: "user" | "address" | "number" }
export interface ExtensionNew { site: string; kind: "user" | "address"; value: string; valid_from: Time | null; valid_to: Time | null }
export type Extension = ExtensionNew;
export interface AgentNew { name: string; team: string; extensions: ExtensionNew[] }
export interface Agent extends AgentNew { id: string; created_at: Time; removed_at: Time | null }
export interface Team { name: string; agents: number }

export interface RecordingPolicy { decision: "record" | "skip"; reason: string; rule: string | null; by: string | null; sides: string; from_answer: boolean }
export interface RecordingRuleNew {
  name: string;
  position: number;
  action: "all" | "none" | "on_demand" | "percent";
  percent: number | null;
  site: string;
  direction: string;
  number: string;
  from_number: string;
  to_number: string;
  sip_user: string;
  agent?: string | null;
  team?: string;
  peer: string | null;
  after_answer: boolean;
  early_media: boolean;
  sides: "both" | "caller" | "callee";
  pause_code: string;
  resume_code: string;
  pause_seconds: number | null;
}
export interface RecordingRule extends RecordingRuleNew { id: string; created_at: Time }
export interface RecordingRuleChange { version: number; at: Time; actor: string; address: string; rule_id: string; before: RecordingRule | null; after: RecordingRule | null }

export interface Transfer { kind: string; result: string | null; at: Time; transferor: string; transferee: string; target: string; sip_status: number | null }
export interface RelatedCall { id: string; rel: string; score: number }
export interface Evidence { at: Time; call_id: string; joined_to: string; kind: string; score: number; detail: string }

export interface Leg {
  id: string;
  call_id: string;
  sip_call_id: string;
  from_tag: string;
  to_tag: string;
  from_uri: string;
  to_uri: string;
  state: CallState;
  sip_status: number | null;
  started_at: Time;
  ringing_at: Time | null;
  answered_at: Time | null;
  ended_at: Time | null;
  src: Address | null;
  dst: Address | null;
  transport: string;
  user_agent: string;
}

export interface Stream {
  id: string;
  call_id: string | null;
  leg_id: string | null;
  side: "caller" | "callee" | null;
  site: string;
  harvester: string;
  ssrc: number;
  src: Address;
  dst: Address;
  codec: string;
  payload_type: number;
  clock_rate: number;
  ptime_ms: number;
  packets: number;
  bytes: number;
  lost: number;
  lost_pct: number;
  out_of_order: number;
  duplicates: number;
  jitter_ms: { last: number; max: number };
  delta_ms_max: number;
  dtmf_packets: number;
  mos: { f1: number; f2: number; adaptive: number; min: number; avg: number } | null;
  r: number | null;
  late: { f1: number; f2: number; adaptive: number } | null;
  burst: { count: number; density: number; gap_density: number; duration_ms: number; gap_duration_ms: number } | null;
  skew_ppm: number | null;
  capture_lost: number;
  capture_lost_bound: boolean;
  srtp: boolean;
  rtcp: Record<string, unknown>;
  first_at: Time;
  last_at: Time;
  ended: boolean;
}

export interface RecordingChannel { index: number; role: string; codec: string; packets: number; lost: number; stream_ids: string[] }
export interface Gap { from: number; to: number; channel: number; reason: string }

export type AudioFormat = "wav" | "ogg" | "flac" | "mp3";

export interface Recording {
  id: string;
  call_id: string;
  site: string;
  status: string;
  reason: string;
  started_at: Time | null;
  ended_at: Time | null;
  duration_seconds: number;
  codec: string;
  sample_rate: number;
  container: string;
  size_bytes: number;
  sha256: string;
  channels: RecordingChannel[];
  gaps: Gap[];
  url: string | null;
  peaks_url: string | null;
  recorder: string;
}

export interface Message {
  n: number;
  at: Time;
  method: string;
  status: number | null;
  reason: string;
  src: Address | null;
  dst: Address | null;
  transport: string;
  leg_id: string | null;
  retransmission: boolean;
  raw: string;
}

export interface LadderEndpoint { index: number; ip: string; port: number; label: string }
export interface LadderArrow { at: Time; from: number; to: number; label: string; kind: "request" | "response" | "rtp"; message: number | null }
export interface Ladder { endpoints: LadderEndpoint[]; arrows: LadderArrow[] }

export interface TimelineEvent { at: Time; type: string; detail: string; side: "caller" | "callee" | null; call_id: string; sip_status: number | null }

export interface Harvester {
  name: string;
  site: string;
  version: string;
  input: string;
  live: boolean;
  up: boolean;
  ended: boolean;
  started_at: Time | null;
  last_seen_at: Time | null;
  feed_time: Time | null;
  packets: number;
  sip_messages: number;
  rtp_packets: number;
  drops: number;
  lag_messages: number;
  counters: Record<string, number>;
}

export interface CallQuality {
  call_id: string;
  sentence: string;
  one_way: "caller" | "callee" | null;
  capture_lost: number;
  capture_lost_bound: boolean;
  directions: {
    said_by: string;
    heard_by: string;
    mos_min: number | null;
    lost_pct: number;
    late_pct: number;
    jitter_ms_max: number;
    segments: { from: string; to: string; lost_pct: number }[];
  }[];
}

export type AlertKind =
  | "failed_share" | "short_calls" | "mos_low" | "one_way" | "loss" | "harvester_away" | "drops" | "recordings_missing" | "certificate_used";
export interface Alert {
  id: string;
  rule: string;
  kind: AlertKind;
  site: string;
  subject: string;
  value: number;
  threshold: number;
  raised_at: Time;
  cleared_at: Time | null;
  cleared_value?: number | null;
}
/** A ratio without a denominator is null; at, site, trunk and direction are there when they were asked for. */
export interface StatisticsRow {
  at?: string;
  site?: string;
  trunk?: string;
  direction?: "inbound" | "outbound";
  attempts: number;
  unfinished: number;
  answered: number;
  busy: number;
  no_answer: number;
  canceled: number;
  rejected: number;
  failed: number;
  redirected: number;
  asr_pct: number | null;
  ner_pct: number | null;
  ser_pct: number | null;
  seer_pct: number | null;
  isa_pct: number | null;
  acd_seconds: number | null;
  pdd_seconds: number | null;
  ring_seconds: number | null;
  talk_seconds: number;
  mos_min: number | null;
  concurrent_max: number;
  erlangs: number | null;
  codes: Record<string, number>;
}
export interface AlertRule {
  name: string;
  kind: AlertKind;
  site: string;
  raise_at: number;
  clear_at: number;
  window_seconds: number;
  hold_seconds: number;
  least: number;
  mos: number;
  enabled: boolean;
  updated_at: Time;
  updated_by: string;
}

export interface Site { site: string; name: string; harvesters: number; harvesters_up: number; calls_active: number }
export interface Peaks { version: number; channels: number; sample_rate: number; samples_per_pixel: number; bits: number; length: number; data: number[] }
export interface Page<T> { data: T[]; next_cursor: string | null; has_more: boolean }
export interface ActiveCalls { data: Call[]; stream_cursor: string }
export interface ListenTicket { ticket: string; expires_at: Time; url: string }
export interface Me { kind: string; name: string; role: string | null; scopes: string[]; expires_at: Time | null }

export interface FeedEvent {
  id: string;
  type: string;
  time: Time;
  subject: string;
  data: { call?: Call; harvester?: Harvester; recording?: Recording; alert?: Alert };
}
