use super::{SealKeys, SessionKey, SessionStore, StoredSession, keys::random, store::Record};
use pikku::{AuthError, BoxError, Call, Claims, Problem, SessionChange, StatusCode, http::Initiator, platform::Level};
use std::{borrow::Cow, time::Duration};

/// The most octets of a cookie's name and value together that browsers keep (RFC 6265bis, section 5.7).
const LARGEST: usize = 4_096;
/// The octets of an id.
const ID: usize = 32;
/// How long sessions last unless it is said.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// A session is touched when that part of its idle time has passed.
const TOUCHES: u64 = 10;

/// Which requests of other sites a cookie goes with (RFC 6265bis, section 5.6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// With none: also who follows a link to the app arrives without a session.
    Strict,
    /// With the navigation to a page of the app alone.
    #[default]
    Lax,
    /// With all, for an app that is embedded into other sites. What those sites may have it do is said by
    /// [`CookieSessions::trust_origin`].
    None,
}

/// Sessions in sealed cookies. How they are used is told in the [module](super).
#[derive(Debug)]
pub struct CookieSessions {
    keys: SealKeys,
    store: Option<Box<dyn SessionStore>>,
    name: String,
    same_site: SameSite,
    lifetime: Duration,
    idle: Option<Duration>,
    trusted: Vec<String>,
}

impl CookieSessions {
    /// Sessions whose claims are in the cookie itself. They end when they expire; nothing ends them before.
    pub fn in_cookie(keys: SealKeys) -> Self {
        Self::with(keys, None)
    }

    /// Sessions that are kept in a store. The claims have a [subject](Claims::subject).
    pub fn in_store(keys: SealKeys, store: impl SessionStore) -> Self {
        Self::with(keys, Some(Box::new(store)))
    }

    fn with(keys: SealKeys, store: Option<Box<dyn SessionStore>>) -> Self {
        Self {
            keys,
            store,
            name: "__Host-session".to_owned(),
            same_site: SameSite::default(),
            lifetime: LIFETIME,
            idle: None,
            trusted: Vec::new(),
        }
    }

    /// Another name, after `__Host-`, which it always begins with.
    ///
    /// # Panics
    ///
    /// It is empty, longer than 64 octets, or has other characters than letters, digits, `_`, `-` and `.`.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        let is_taken = |octet: u8| octet.is_ascii_alphanumeric() || b"_-.".contains(&octet);
        let is_name = !name.is_empty() && name.len() <= 64 && name.bytes().all(is_taken);
        assert!(is_name, "the name of a cookie has letters, digits, `_`, `-` and `.`, at most 64");
        Self { name: format!("__Host-{name}"), ..self }
    }

    /// Which requests of other sites it goes with; `Lax` unless said.
    #[must_use]
    pub fn same_site(self, same_site: SameSite) -> Self {
        Self { same_site, ..self }
    }

    /// How long a session lasts, whatever happens; 12 hours unless said.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// How long a session lasts without a call. The store is told of calls, but of one in a tenth of that time at most.
    ///
    /// # Panics
    ///
    /// There is no store: a cookie that is sent anew with answers would come back after its user has logged out.
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        assert!(self.store.is_some(), "sessions that end when they are idle are kept in a store");
        Self { idle: Some(idle), ..self }
    }

    /// Takes requests that change something also from the pages of this origin, such as `https://app.example`: that of a
    /// front end on another host, or the app's own where a proxy puts another into `Host` and browsers send no
    /// `Sec-Fetch-Site`.
    ///
    /// # Panics
    ///
    /// It is no origin: a scheme, `://`, a host and perhaps a port, and nothing after it.
    #[must_use]
    pub fn trust_origin(mut self, origin: &str) -> Self {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let is_origin =
            host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ', ',']));
        assert!(is_origin, "an origin is written as `https://app.example`: `{origin}` is none");
        self.trusted.push(origin.to_owned());
        self
    }

    /// The session that the call's cookie stands for; `None` where it has none, or one that is not good any more.
    ///
    /// # Errors
    ///
    /// Another site may have made the request; the cookie is there twice; the store cannot be asked.
    pub async fn authenticate(&self, call: &Call) -> Result<Option<Claims>, AuthError> {
        let Some(cookie) = self.cookie(call)? else { return Ok(None) };
        if self.is_foreign(call) {
            return Err(foreign().into());
        }
        let Some(octets) = self.open(&cookie) else {
            call.log(Level::Warn, "the cookie of a session does not open: it was changed, or its key is gone", None);
            return Ok(None);
        };
        let now_ms = call.now_ms();
        let found = match &self.store {
            Some(store) => self.load(&**store, &octets, now_ms).await.map_err(|error| unavailable(&*error))?,
            None => of_cookie(&octets, now_ms),
        };
        if found.is_none() {
            call.log(Level::Info, "the session of a cookie has ended", None);
        }
        Ok(found)
    }

    /// Makes what a function did to the session lasting: what an authenticator names as `keep`.
    ///
    /// # Errors
    ///
    /// Another site may have made the request; the session does not fit into a cookie, or has no subject
    /// for the store to know its user by; the store cannot be asked. A session that was not set is not there either.
    pub async fn settle(&self, call: &Call, change: &SessionChange) -> Result<(), Problem> {
        if call.http().is_none() {
            return match change {
                SessionChange::Set(_) => {
                    Err(Problem::internal("a session in a cookie is set by a call over HTTP alone"))
                }
                SessionChange::Clear => Ok(()),
            };
        }
        if self.is_foreign(call) {
            return Err(foreign());
        }
        // First the old one, so that there are never two.
        self.end(call).await?;
        let (value, lasts_s) = match change {
            SessionChange::Set(claims) => (self.begin(claims, call.now_ms()).await?, self.lifetime.as_secs()),
            SessionChange::Clear => (String::new(), 0),
        };
        let Self { name, same_site, .. } = self;
        let cookie = format!("{name}={value}; Path=/; Max-Age={lasts_s}; Secure; HttpOnly; SameSite={same_site:?}");
        let added = call.add_response_header("set-cookie", &cookie);
        // No cache gives one user's session to another.
        let added = added.and_then(|()| call.add_response_header("cache-control", "no-store"));
        added.map_err(|error| Problem::internal(error.to_string()))
    }

    /// Ends every session of a user: of an account that is deleted or locked, or whose password was changed. A session that
    /// the same call sets afterwards is good.
    ///
    /// # Errors
    ///
    /// The store cannot be asked, or there is none: what is in a cookie stands until it expires.
    pub async fn remove_user(&self, user: &str) -> Result<(), BoxError> {
        let store = self.store.as_ref().ok_or("sessions that are not in a store cannot be ended")?;
        store.remove_user(user).await
    }

    /// Whether a page of another site may have made the request. What says nothing of it is no browser, and carries no cookie
    /// that its user does not know of.
    fn is_foreign(&self, call: &Call) -> bool {
        let is_trusted = |origin: &str| self.trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(origin));
        Initiator::of(call, is_trusted) == Some(Initiator::Foreign)
    }

    /// The cookie of the call. Two of one name are those of two makers, of which one is not the app.
    fn cookie(&self, call: &Call) -> Result<Option<String>, AuthError> {
        let cookies = match (call.http(), call.headers()) {
            (Some(request), _) => Cow::Borrowed(&request.cookies),
            (None, Some(headers)) => Cow::Owned(headers.cookies()),
            (None, None) => return Ok(None),
        };
        let mut values = cookies.iter().filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(_), Some(_)) => Err(AuthError::malformed("the cookie of the session is there twice")),
            (value, _) => Ok(value.cloned()),
        }
    }

    /// What a cookie is sealed for: another name, or the other use of it, is another place.
    fn place(&self) -> Vec<u8> {
        let kind = if self.store.is_some() { "id" } else { "claims" };
        format!("{kind} {}", self.name).into_bytes()
    }

    fn open(&self, cookie: &str) -> Option<Vec<u8>> {
        (self.name.len() + 1 + cookie.len() <= LARGEST).then(|| self.keys.open(&self.place(), cookie))?
    }

    async fn load(&self, store: &dyn SessionStore, id: &[u8], now_ms: u64) -> Result<Option<Claims>, BoxError> {
        let key = SessionKey::of(id);
        // A store that gives what has ended is not believed.
        let found = store.load(&key, now_ms).await?.filter(|session| now_ms < session.ends_ms);
        let Some(session) = found else { return Ok(None) };
        if let Some(idle) = self.idle {
            let idle_ms = millis(idle);
            let ends_ms = now_ms.saturating_add(idle_ms).min(session.expires_ms);
            if ends_ms.saturating_sub(session.ends_ms) >= (idle_ms / TOUCHES).max(1) {
                store.touch(&key, now_ms, ends_ms).await?;
            }
        }
        Ok(Some(session.claims))
    }

    /// Makes a session under a new id, and the value of its cookie.
    async fn begin(&self, claims: &Claims, now_ms: u64) -> Result<String, Problem> {
        let expires_ms = now_ms.saturating_add(millis(self.lifetime));
        let Some(store) = &self.store else {
            let record = Record::of(claims, now_ms, expires_ms).to_json();
            return self.seal(record.map_err(|error| Problem::internal(error.to_string()))?.as_bytes());
        };
        if claims.subject().is_none_or(str::is_empty) {
            return Err(Problem::internal(
                "a session that is kept in a store is somebody's: name the user by `Claims::with_subject`",
            ));
        }
        let mut id = [0; ID];
        random(&mut id).map_err(|error| Problem::internal(error.to_string()))?;
        let ends_ms = self.idle.map_or(expires_ms, |idle| now_ms.saturating_add(millis(idle)).min(expires_ms));
        let session = StoredSession { claims: claims.clone(), created_ms: now_ms, ends_ms, expires_ms };
        let value = self.seal(&id)?;
        store.save(&SessionKey::of(&id), &session).await.map_err(|error| unavailable(&*error))?;
        Ok(value)
    }

    fn seal(&self, octets: &[u8]) -> Result<String, Problem> {
        let length = self.name.len() + 1 + SealKeys::sealed_length(octets.len());
        if length > LARGEST {
            return Err(Problem::internal(format!(
                "the session takes {length} octets as a cookie, of which browsers keep {LARGEST}: keep it in a store"
            )));
        }
        self.keys.seal(&self.place(), octets).map_err(|error| Problem::internal(error.to_string()))
    }

    /// Ends the session that the call's cookie stands for, where it has one.
    async fn end(&self, call: &Call) -> Result<(), Problem> {
        let Some(store) = &self.store else { return Ok(()) };
        // One of two is not the app's, and which is not known: both are taken for none, and the new cookie is set.
        let cookie = self.cookie(call).unwrap_or_default();
        let Some(id) = cookie.and_then(|cookie| self.open(&cookie)) else { return Ok(()) };
        store.remove(&SessionKey::of(&id)).await.map_err(|error| unavailable(&*error))
    }
}

/// The claims that are in a cookie; `None` where they have expired, or where another version of the app wrote them.
fn of_cookie(octets: &[u8], now_ms: u64) -> Option<Claims> {
    let (claims, _, expires_ms) = Record::read(octets).ok()?;
    (now_ms < expires_ms).then_some(claims)
}

fn foreign() -> Problem {
    let detail = "a request of another site does not use this session";
    Problem::new(StatusCode::FORBIDDEN, "cross_site_request", detail)
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Problem {
    AuthError::unavailable(format!("the store of sessions: {error}")).into_problem("")
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
