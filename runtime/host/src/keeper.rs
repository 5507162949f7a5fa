//! What the host must remember across restarts, and cannot keep itself.

use zeroize::Zeroizing;

/// Keeps small things under names such as `refresh-token/crm`. The embedding binary
/// says where; what is kept may be secret. Called outside async tasks, and may block.
pub trait Keeper: Send + Sync {
    /// What was last kept under this name.
    ///
    /// # Errors
    /// Words for the operator.
    fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String>;

    /// Keep it, on disk before this returns, in place of what was kept before.
    ///
    /// # Errors
    /// Words for the operator.
    fn keep(&self, name: &str, content: &[u8]) -> Result<(), String>;
}
