//! TLS 1.2 and 1.3, client and server, over any transport (RFC 8446, RFC 5246).
