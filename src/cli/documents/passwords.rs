//! References to passwords in documents: taken out as they are read, and resolved on this side when a
//! password is needed. No password stands in a document itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::connect::secret;
use super::super::fault::Failure;
use super::super::prompt;
use super::super::show::say;
use super::Documents;
use crate::model::Secret;

/// Where the passwords of users are, by the place of their documents.
pub struct Passwords(BTreeMap<usize, Reference>);

struct Reference {
    user: String,
    /// The file and the number of the document.
    place: String,
    from: From,
}

enum From {
    Variable(String),
    File(PathBuf),
}

impl Passwords {
    /// Takes the references out of documents.
    pub fn taken(documents: &mut Documents) -> Result<Self, Failure> {
        let mut references = BTreeMap::new();
        for index in 0..documents.values.len() {
            let place = documents.place(index);
            let folder = documents.folder(index).map(PathBuf::from).unwrap_or_default();
            let Some(fields) = documents.values[index].as_object_mut() else { continue };
            if fields.get("kind").and_then(Value::as_str) != Some("User") {
                continue;
            }
            if fields.contains_key("password") {
                let message =
                    "a password does not stand in a document: use passwordFrom: {env: NAME} or {file: PATH}";
                return Err(Failure::usage(format!("{place}, password: {message}")));
            }
            let Some(reference) = fields.remove("passwordFrom").filter(|reference| !reference.is_null())
            else {
                continue;
            };
            let user = fields.get("email").and_then(Value::as_str).unwrap_or_default().to_lowercase();
            let from = read(&reference, folder).ok_or_else(|| {
                Failure::usage(format!("{place}, passwordFrom: is {{env: NAME}} or {{file: PATH}}"))
            })?;
            references.insert(index, Reference { user, place, from });
        }
        Ok(Passwords(references))
    }

    /// Puts passwords into the documents of these users; of all when `users` is none. What cannot be had
    /// is an error, and with `lenient` a warning.
    pub fn fill(
        &self,
        documents: &mut Documents,
        users: Option<&BTreeSet<String>>,
        lenient: bool,
    ) -> Result<bool, Failure> {
        let mut filled = false;
        let wanted = self.0.iter().filter(|(_, one)| users.is_none_or(|users| users.contains(&one.user)));
        for (index, reference) in wanted {
            match (reference.resolve(), lenient) {
                (Ok(password), _) => {
                    documents.values[*index]["password"] = json!(password.reveal());
                    filled = true;
                }
                (Err(message), true) => say!("warning: {message}"),
                (Err(message), false) => return Err(Failure::usage(message)),
            }
        }
        Ok(filled)
    }
}

fn read(reference: &Value, folder: PathBuf) -> Option<From> {
    let fields = reference.as_object().filter(|fields| fields.len() == 1)?;
    let (word, name) = fields.iter().next()?;
    let name = name.as_str().filter(|name| !name.is_empty())?;
    match word.as_str() {
        "env" if !name.contains(['=', '\0']) => Some(From::Variable(name.to_owned())),
        "file" => Some(From::File(folder.join(name))),
        _ => None,
    }
}

impl Reference {
    fn resolve(&self) -> Result<Secret, String> {
        let Reference { user, place, from } = self;
        match from {
            From::Variable(name) => match secret(name) {
                Ok(Some(password)) => Ok(password),
                Ok(None) => Err(format!("{place}: the password of {user} is in no variable {name}: set it")),
                Err(_) => Err(format!("{place}: the variable {name} is no text")),
            },
            From::File(file) => prompt::secret_in(file)
                .map_err(|_| format!("{place}: cannot read the password of {user} from {}", file.display())),
        }
    }
}
