//! Text that must not be seen: wiped when dropped, without `Debug`, `Display` or `Serialize`.

use zeroize::Zeroizing;

/// A password or another secret text.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The text itself. Every caller is a place where a secret may leak: keep them few.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
