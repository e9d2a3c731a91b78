//! Limits of what is read.

/// Limits of what a peer may send. What goes beyond is answered with a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageLimits {
    /// Most bytes of one message, also of what a compressed one becomes; 16 MiB by default. A
    /// length that is only declared reserves no memory.
    pub message_bytes_max: usize,
    /// Most fragments of one message; 131 072 by default. Empty ones, which cost the peer hardly
    /// anything, count too.
    pub fragments_max: u32,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { message_bytes_max: 16 << 20, fragments_max: 128 << 10 }
    }
}

impl MessageLimits {
    /// With at most so many bytes of one message.
    #[must_use]
    pub fn message_bytes_max(mut self, message_bytes_max: usize) -> Self {
        self.message_bytes_max = message_bytes_max;
        self
    }

    /// With at most so many fragments of one message.
    #[must_use]
    pub fn fragments_max(mut self, fragments_max: u32) -> Self {
        self.fragments_max = fragments_max;
        self
    }

    /// Most bytes of the payloads of one message. DEFLATE data may be longer than what it becomes:
    /// by an eighth, where a fast compressor meets what it can't shorten, and by 5 bytes for each
    /// fragment.
    pub(crate) fn payload_bytes_max(&self, is_compressed: bool) -> u64 {
        let bytes = self.message_bytes_max as u64;
        if is_compressed { bytes.saturating_add(bytes / 8 + 1024) } else { bytes }
    }
}
