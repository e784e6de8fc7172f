//! Callers who are let in and take their time over the body: what they may is looked at again when
//! all of it is there.

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::model::{Principal, User};
use tenantry::store::{Change, RecordId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cast::{PASSWORD, by, id_of, path, sign_in, token, user};
use crate::support::Port;

/// A request whose head was judged.
struct Slow {
    stream: TcpStream,
    body: String,
}

impl Slow {
    /// `credential` is a whole line of the head, or several.
    async fn begin(port: &Port, (method, path): (&str, &str), credential: &str, body: &Value) -> Slow {
        let mut stream = TcpStream::connect(port.address).await.expect("it listens");
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\n{credential}\r\ncontent-type: application/json\r\n\
             expect: 100-continue\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        // Comes when the body is wanted, and that is when the caller is known.
        let mut told = [0; 25];
        stream.read_exact(&mut told).await.expect("it answers");
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        Slow { stream, body }
    }

    /// Sends the body; gives the status.
    async fn end(mut self) -> u16 {
        self.stream.write_all(self.body.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.expect("text");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }
}

const NEW: &str = "/api/v1/users";

#[tokio::test]
async fn a_credential_that_ends_before_the_body_does_nothing() {
    let port = Port::start().await;
    let boss = user(&port, "boss@example.com", json!({"superAdmin": true})).await;
    let (record, text) = token(9, Principal::User(id_of(&boss)), None);
    port.commit(vec![Change::Put(record.clone().into())]).await;
    let visit = sign_in(&port, "boss@example.com").await;
    let bearer = format!("authorization: Bearer {}", text.reveal());
    let cookie = format!("cookie: tenantry={}\r\nx-csrf-token: {}", visit.cookie, visit.csrf);
    let form = |name: &str| json!({"email": name, "superAdmin": true});
    let by_token = Slow::begin(&port, ("POST", NEW), &bearer, &form("a@example.com")).await;
    let by_session = Slow::begin(&port, ("POST", NEW), &cookie, &form("b@example.com")).await;
    let fine = Slow::begin(&port, ("POST", NEW), &bearer, &form("c@example.com")).await;
    assert_eq!(fine.end().await, 201);
    port.commit(vec![Change::Delete(RecordId::Token(record.owner, record.id))]).await;
    assert_eq!(port.delete(&path(&boss, "/refresh-token")).await.status, 204);
    assert_eq!(by_token.end().await, 401);
    assert_eq!(by_session.end().await, 401);
    assert_eq!(port.store.all::<User>(None).expect("users").len(), 3, "nobody was made");
}

#[tokio::test]
async fn who_is_no_super_admin_any_more_makes_none() {
    let port = Port::start().await;
    let boss = user(&port, "boss@example.com", json!({"superAdmin": true})).await;
    let (record, text) = token(9, Principal::User(id_of(&boss)), None);
    port.commit(vec![Change::Put(record.into())]).await;
    let bearer = format!("authorization: Bearer {}", text.reveal());
    let form = json!({"email": "a@example.com", "superAdmin": true});
    let slow = Slow::begin(&port, ("POST", NEW), &bearer, &form).await;
    assert_eq!(port.patch(&path(&boss, "/superadmin"), &json!({"superAdmin": false})).await.status, 200);
    assert_eq!(slow.end().await, 403);
    assert_eq!(port.store.all::<User>(None).expect("users").len(), 2, "nobody was made");
}

#[tokio::test]
async fn a_password_that_was_reset_meanwhile_stays() {
    let port = Port::start().await;
    let ann = user(&port, "ann@example.com", json!({})).await;
    let visit = sign_in(&port, "ann@example.com").await;
    let cookie = format!("cookie: tenantry={}\r\nx-csrf-token: {}", visit.cookie, visit.csrf);
    let body = json!({"oldPassword": PASSWORD, "newPassword": "planted-fourth-pass"});
    let slow = Slow::begin(&port, ("PUT", "/api/v1/me/password"), &cookie, &body).await;
    let reset = json!({"password": "planted-third-pass"});
    assert_eq!(port.patch(&path(&ann, "/password"), &reset).await.status, 200);
    assert_eq!(slow.end().await, 401);
    let me = port.anonymous(Method::GET, "/api/v1/me");
    let me = me.basic_auth("ann@example.com", Some("planted-third-pass"));
    assert_eq!(port.send(me).await.status, 200);
    port.send(by(&port, "ann@example.com", Method::GET, "/api/v1/me")).await.refused(401);
}
