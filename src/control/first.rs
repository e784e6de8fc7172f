//! The first super admin of an empty store. There is no default credential: it is given, or drawn.

use super::setup::anybody;
use super::{Authority, Control, Fault, draw, users};
use crate::model::{Secret, Timestamp, UserName};

impl Control {
    /// Makes the first super admin when the instance is nobody's: `user` (`admin` when none) with
    /// `password`, or with one that is drawn. A drawn one comes back, to be shown once; it is
    /// nowhere else.
    pub async fn first_admin(
        &self,
        user: Option<String>,
        given: Option<Secret>,
        now: Timestamp,
    ) -> Result<Option<(String, Secret)>, Fault> {
        if self.read(anybody).await? {
            return Ok(None);
        }
        let name = user.unwrap_or_else(|| "admin".to_owned());
        let name = UserName::parse(&name).map_err(|error| Fault::invalid("user", error))?;
        let secret = given.clone().map_or_else(draw::password, Ok)?;
        let password_hash = self.hashed(name.as_str(), Some(secret.clone())).await?;
        let user = users::super_admin(name.clone(), password_hash, now)?;
        self.write(&Authority::system(), now, move |store| match anybody(store)? {
            true => Err(Fault::Conflict("the instance is somebody's already".to_owned())),
            false => users::made(store, user.clone()),
        })
        .await?;
        Ok(given.is_none().then(|| (String::from(name), secret)))
    }
}
