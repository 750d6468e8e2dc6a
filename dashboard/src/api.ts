// Typed client of /api/v1. Same origin, cookie session; a 401 anywhere ends the session on the page.
import { signal } from "@preact/signals";
import type {
  ActiveCalls, Agent, AgentNew, Alert, AlertRule, AudioFormat, Call, CallQuality, DialPlan, DialPlanNew, Evidence, Harvester, Ladder, Leg, ListenTicket, Me, Message, Page, Peaks, Recording, RecordingRule, RecordingRuleChange, RecordingRuleNew, Site, Stream, Team, TimelineEvent,
  StatisticsRow,
} from "./types";

const BASE = "/api/v1";

/** undefined: not asked yet; null: nobody is logged in. */
export const session = signal<Me | null | undefined>(undefined);

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string,
  ) {
    super(message);
  }
}

async function toError(response: Response): Promise<ApiError> {
  let detail = "";
  let code = "";
  let requestId = "";
  try {
    const problem = (await response.json()) as Record<string, unknown>;
    detail = String(problem["detail"] ?? problem["title"] ?? "");
    code = String(problem["code"] ?? "");
    requestId = String(problem["request_id"] ?? "");
  } catch {
    // not a problem document: the status has to do
  }
  return new ApiError(response.status, code, detail || `${response.status} ${response.statusText}`, requestId);
}

/** A body that is text goes as CSV, anything else as JSON. */
async function request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Callmesh-CSRF"] = "1";
  if (body !== undefined) headers["Content-Type"] = typeof body === "string" ? "text/csv" : "application/json";
  const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
  if (signal) init.signal = signal;
  let response: Response;
  try {
    response = await fetch(BASE + path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server does not answer.", "");
  }
  if (response.status === 401 && path !== "/login") session.value = null;
  if (!response.ok) throw await toError(response);
  return response;
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request("GET", path, undefined, signal)).json()) as T;
}

/** All pages of a list that belongs to one call; 200 a page, stopped at `most`. */
async function all<T>(path: string, signal?: AbortSignal, most = 5000): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null = null;
  do {
    const query: string = `limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const page: Page<T> = await get<Page<T>>(`${path}${path.includes("?") ? "&" : "?"}${query}`, signal);
    rows.push(...page.data);
    cursor = page.has_more ? page.next_cursor : null;
  } while (cursor && rows.length < most);
  return rows;
}

/** A list that comes whole. */
async function whole<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  return (await get<Page<T>>(path, signal)).data;
}

const id = encodeURIComponent;

/** Whether the session may do what a scope names; a page shows no button that the server would refuse. */
export function may(scope: string): boolean {
  const scopes = session.value?.scopes;
  return !scopes || scopes.includes(scope) || scopes.includes("*") || scopes.includes(`${scope.split(":")[0]}:*`);
}

export const api = {
  async login(login: string, password: string): Promise<void> {
    session.value = (await (await request("POST", "/login", { login, password })).json()) as Me;
  },
  async logout(): Promise<void> {
    try {
      await request("POST", "/logout");
    } finally {
      session.value = null;
    }
  },
  async whoAmI(): Promise<void> {
    try {
      session.value = await get<Me>("/me");
    } catch (error) {
      if (error instanceof ApiError && error.status === 0) throw error;
      session.value = null;
    }
  },
  calls: (query: URLSearchParams, signal?: AbortSignal) => get<Page<Call>>(`/calls?${query}`, signal),
  activeCalls: (signal?: AbortSignal) => get<ActiveCalls>("/calls/active", signal),
  call: (callId: string, signal?: AbortSignal) => get<Call>(`/calls/${id(callId)}`, signal),
  quality: (callId: string, signal?: AbortSignal) => get<CallQuality>(`/calls/${id(callId)}/quality`, signal),
  legs: (callId: string, signal?: AbortSignal) => all<Leg>(`/calls/${id(callId)}/legs`, signal),
  streams: (callId: string, signal?: AbortSignal) => all<Stream>(`/calls/${id(callId)}/streams`, signal),
  callRecordings: (callId: string, signal?: AbortSignal) => all<Recording>(`/calls/${id(callId)}/recordings`, signal),
  messages: (callId: string, signal?: AbortSignal) => all<Message>(`/calls/${id(callId)}/messages`, signal),
  ladder: (callId: string, signal?: AbortSignal) => get<Ladder>(`/calls/${id(callId)}/ladder`, signal),
  evidence: (callId: string, signal?: AbortSignal) => whole<Evidence>(`/calls/${id(callId)}/evidence`, signal),
  timeline: (callId: string, signal?: AbortSignal) => whole<TimelineEvent>(`/calls/${id(callId)}/events`, signal),
  recordings: (query: URLSearchParams, signal?: AbortSignal) => get<Page<Recording>>(`/recordings?${query}`, signal),
  peaks: (recording: Recording, pps: number, signal?: AbortSignal) =>
    get<Peaks>(`/recordings/${id(recording.id)}/peaks?pps=${pps}`, signal),
  audioUrl: (recording: Recording, format: AudioFormat = "wav") => `${BASE}/recordings/${id(recording.id)}/audio?format=${format}`,
  rules: (signal?: AbortSignal) => whole<RecordingRule>("/recording-rules", signal),
  ruleChanges: (signal?: AbortSignal) => whole<RecordingRuleChange>("/recording-rules/changes?limit=50", signal),
  createRule: (rule: RecordingRuleNew) => request("POST", "/recording-rules", rule),
  replaceRule: (ruleId: string, rule: RecordingRuleNew) => request("PUT", `/recording-rules/${id(ruleId)}`, rule),
  removeRule: (ruleId: string) => request("DELETE", `/recording-rules/${id(ruleId)}`),
  pauseCall: (callId: string, seconds: number, reason: string) => request("POST", `/calls/${id(callId)}/pause`, { seconds, reason }),
  resumeCall: (callId: string) => request("POST", `/calls/${id(callId)}/resume`, {}),
  recordCall: (callId: string) => request("POST", `/calls/${id(callId)}/record`),
  vconUrl: (callId: string) => `${BASE}/calls/${id(callId)}/vcon`,
  pcapngUrl: (callId: string) => `${BASE}/calls/${id(callId)}/pcapng?media=rtp`,
  harvesters: (signal?: AbortSignal) => whole<Harvester>("/harvesters", signal),
  alerts: (query: URLSearchParams, signal?: AbortSignal) => get<Page<Alert>>(`/alerts?${query}`, signal),
  alertRules: (signal?: AbortSignal) => all<AlertRule>("/alert-rules", signal),
  async writeAlertRule(rule: AlertRule): Promise<void> {
    await request("POST", "/alert-rules", rule);
  },
  statistics: async (query: URLSearchParams, signal?: AbortSignal) => (await get<{ data: StatisticsRow[] }>(`/statistics?${query}`, signal)).data,
  statisticsUrl: (query: URLSearchParams) => `${BASE}/statistics?${query}`,
  dialPlans: (signal?: AbortSignal) => all<DialPlan>("/dial-plans", signal),
  writeDialPlan: (plan: DialPlanNew): Promise<unknown> => request("POST", "/dial-plans", JSON.stringify(plan)),
  removeDialPlan: (site: string): Promise<unknown> => request("DELETE", `/dial-plans/${id(site)}`),
  agents: (team: string, signal?: AbortSignal) => all<Agent>(`/agents${team ? `?team=${id(team)}` : ""}`, signal, 1000),
  teams: (signal?: AbortSignal) => whole<Team>("/teams", signal),
  writeAgent: (agent: AgentNew) => request("POST", "/agents", agent),
  replaceAgent: (agentId: string, agent: AgentNew) => request("PUT", `/agents/${id(agentId)}`, agent),
  removeAgent: (agentId: string) => request("DELETE", `/agents/${id(agentId)}`),
  importAgents: async (csv: string) => (await (await request("POST", "/agents/import", csv)).json()) as { agents: number; extensions: number },
  sites: (signal?: AbortSignal) => whole<Site>("/sites", signal),
  listenTicket: async (callId: string): Promise<ListenTicket> =>
    (await (await request("POST", `/calls/${id(callId)}/listen-tickets`)).json()) as ListenTicket,
  /** The body of the listen stream. */
  listen: (callId: string, ticket: string, signal: AbortSignal) =>
    request("GET", `/calls/${id(callId)}/listen?ticket=${id(ticket)}`, undefined, signal),
  /** The body of the event stream, from behind event `after`. */
  async events(after: string, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (after) headers["Last-Event-ID"] = after;
    const response = await fetch(`${BASE}/events`, { headers, credentials: "same-origin", cache: "no-store", signal });
    if (response.status === 401) session.value = null;
    if (!response.ok) throw await toError(response);
    return response;
  },
};
