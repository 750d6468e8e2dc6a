// wire_event.h: every way input can be wrong, by name. Bad input is data: a counter, never a log line per packet.
// One table makes the enum, the names in --json ("malformed") and the labels at /metrics.
#pragma once

#define WIRE_EVENTS(X)                                                                             \
    X(NONE, "none")                                                                                \
    X(LINK_SHORT, "link_short")                                                                    \
    X(LINK_UNKNOWN, "link_unknown") /* EtherType that we do not read: not malformed */             \
    X(VLAN_DEPTH, "vlan_depth")                                                                    \
    X(IP_SHORT, "ip_short")                                                                        \
    X(IP_VERSION, "ip_version")                                                                    \
    X(IP_HEADER_LENGTH, "ip_header_length")                                                        \
    X(IP_TOTAL_LENGTH, "ip_total_length")                                                          \
    X(IP6_EXTENSION, "ip6_extension")                                                              \
    X(IP_NOT_UDP_TCP, "ip_not_udp_tcp") /* other protocols: not malformed */                       \
    X(TUNNEL_DEPTH, "tunnel_depth")                                                                \
    X(TUNNEL_SHORT, "tunnel_short")                                                                \
    X(FRAG_OVERLAP, "frag_overlap")                                                                \
    X(FRAG_TOO_LONG, "frag_too_long")                                                              \
    X(FRAG_TOO_MANY, "frag_too_many")                                                              \
    X(FRAG_TABLE_FULL, "frag_table_full")                                                          \
    X(FRAG_TIMEOUT, "frag_timeout")                                                                \
    X(UDP_SHORT, "udp_short")                                                                      \
    X(UDP_LENGTH, "udp_length")                                                                    \
    X(TCP_SHORT, "tcp_short")                                                                      \
    X(TCP_HEADER_LENGTH, "tcp_header_length")                                                      \
    X(TCP_TABLE_FULL, "tcp_table_full")                                                            \
    X(TCP_HOLE, "tcp_hole")           /* a segment never came: resynchronised after it */          \
    X(TCP_RESYNC, "tcp_resync")       /* bytes skipped to the next start line */                   \
    X(WS_FRAME, "ws_frame")           /* WebSocket: no frame, or not in its turn */                \
    X(WS_COMPRESSED, "ws_compressed") /* RFC 7692: passed */                                       \
    X(WS_NOT_SIP, "ws_not_sip")       /* another message: passed */                                \
    X(SIP_TOO_LONG, "sip_too_long")                                                                \
    X(SIP_START_LINE, "sip_start_line")                                                            \
    X(SIP_VERSION, "sip_version")                                                                  \
    X(SIP_STATUS, "sip_status")                                                                    \
    X(SIP_METHOD, "sip_method")                                                                    \
    X(SIP_URI, "sip_uri")                                                                          \
    X(SIP_HEADER_LINE, "sip_header_line")                                                          \
    X(SIP_HEADERS_MANY, "sip_headers_many")                                                        \
    X(SIP_HEADER_LONG, "sip_header_long")                                                          \
    X(SIP_NO_END, "sip_no_end") /* no empty line after the headers */                              \
    X(SIP_CONTENT_LENGTH, "sip_content_length")                                                    \
    X(SIP_BODY_SHORT, "sip_body_short")                                                            \
    X(SIP_CALL_ID, "sip_call_id")                                                                  \
    X(SIP_CSEQ, "sip_cseq")                                                                        \
    X(SIP_FROM_TO, "sip_from_to")                                                                  \
    X(SIP_VIA, "sip_via")                                                                          \
    X(SIP_DATE, "sip_date") /* not by RFC 3261 20.17 */                                            \
    X(SIP_MULTIPART, "sip_multipart")                                                              \
    X(SDP_LINE, "sdp_line")                                                                        \
    X(SDP_ADDRESS, "sdp_address")                                                                  \
    X(SDP_MEDIA, "sdp_media")                                                                      \
    X(SDP_TOO_MANY, "sdp_too_many")                                                                \
    X(RTP_VERSION, "rtp_version") /* not version 2: RTP and RTCP */                                \
    X(RTP_SHORT, "rtp_short")                                                                      \
    X(RTP_EXTENSION, "rtp_extension")                                                              \
    X(RTP_PADDING, "rtp_padding")                                                                  \
    X(RTCP_SHORT, "rtcp_short")                                                                    \
    X(RTCP_LENGTH, "rtcp_length")                                                                  \
    X(RTCP_XR, "rtcp_xr") /* a block of an extended report: the rest of the compound is read */    \
    X(RTCP_SDES, "rtcp_sdes")                                                                      \
    X(RTCP_JSON, "rtcp_json")         /* in HEP */                                                 \
    X(TUNNEL_HEADER, "tunnel_header") /* of a listener's datagram: not the announced kind */       \
    X(HEP_SHORT, "hep_short")                                                                      \
    X(HEP_VERSION, "hep_version")                                                                  \
    X(HEP_CHUNK, "hep_chunk") /* length, or a value that does not fit its type */                  \
    X(HEP_CHUNKS_MANY, "hep_chunks_many")                                                          \
    X(HEP_ADDRESS, "hep_address") /* missing, or of two families */                                \
    X(HEP_COMPRESSED, "hep_compressed")                                                            \
    X(HEP_EMPTY, "hep_empty")       /* keepalive: not malformed */                                 \
    X(HEP_TYPE, "hep_type")         /* a log, a report in JSON, ...: not malformed */              \
    X(HEP_AUTH, "hep_auth")         /* not the key we were told */                                 \
    X(HEP_TIME, "hep_time")         /* too far from our clock: arrival is taken */                 \
    X(SCCP_SHORT, "sccp_short")     /* ends before its fields do */                                \
    X(SCCP_ADDRESS, "sccp_address") /* neither IPv4 nor IPv6 */                                    \
    X(MGCP_START_LINE, "mgcp_start_line")                                                          \
    X(MGCP_LINES_MANY, "mgcp_lines_many")                                                          \
    X(IAX2_SHORT, "iax2_short")                                                                    \
    X(IAX2_TYPE, "iax2_type")       /* a frame type that there is not */                           \
    X(IAX2_ELEMENT, "iax2_element") /* longer than what is left */                                 \
    X(IAX2_LONG, "iax2_long")       /* more voice than a packet holds */                           \
    X(Q931_HEADER, "q931_header")                                                                  \
    X(Q931_ELEMENT, "q931_element") /* longer than what is left */                                 \
    X(H225_SHORT, "h225_short")     /* user information ends before its fields */                  \
    X(H225_UNREAD, "h225_unread")   /* of a form that we do not read: not malformed */             \
    X(H245_SHORT, "h245_short")                                                                    \
    X(H245_UNREAD, "h245_unread") /* video, fax, other networks: not malformed */                  \
    X(TRUNCATED, "truncated")     /* snap length cut the packet */

#define WIRE_EVENT_ENUM(id, name) WIRE_##id,
enum wire_event {
    WIRE_EVENTS(WIRE_EVENT_ENUM) WIRE_EVENT_COUNT
};

const char *wire_event_name(enum wire_event e);
