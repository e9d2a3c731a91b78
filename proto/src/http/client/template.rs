//! Text with fields of fixed width in it: what a prepared request is made of.

/// Fixed text and fields that change from send to send.
///
/// ```
/// use taut_proto::http::client::Template;
///
/// let query = Template::new().text("symbol=BTCUSDT&quantity=").field("quantity", 8);
/// # let _ = query;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Template {
    pub(super) pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Field { name: String, width: usize },
}

impl Template {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends what stays.
    #[must_use]
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        self.pieces.push(Piece::Text(text.as_ref().to_vec()));
        self
    }

    /// Appends a field of so many bytes. It holds zeros (`0`) until it is set.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, width: usize) -> Self {
        self.pieces.push(Piece::Field { name: name.into(), width });
        self
    }

    /// All bytes, with zeros for the fields; and name, place and width of each field.
    pub(super) fn laid_out(self) -> (Vec<u8>, Vec<(String, usize, usize)>) {
        let (mut bytes, mut fields) = (Vec::new(), Vec::new());
        for piece in self.pieces {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(&text),
                Piece::Field { name, width } => {
                    fields.push((name, bytes.len(), width));
                    bytes.resize(bytes.len() + width, b'0');
                }
            }
        }
        (bytes, fields)
    }
}

impl<T: AsRef<[u8]>> From<T> for Template {
    fn from(text: T) -> Self {
        Self::new().text(text)
    }
}
