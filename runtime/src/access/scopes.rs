use std::{borrow::Cow, fmt};

/// A scope that a function requires, such as `orders:read`.
///
/// Scopes form a hierarchy by their segments between colons: whoever was granted `orders` has `orders:read` too, and
/// whoever was granted `orders:read` has nothing else. There are no wildcards.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope(&'static str);

impl Scope {
    /// The scope of that name: segments of the characters of RFC 6749, section 3.3, with single colons between them.
    ///
    /// # Panics
    ///
    /// If it is not well formed; in a constant that is a compile error.
    pub const fn new(name: &'static str) -> Self {
        assert!(is_well_formed(name.as_bytes()), "a scope is segments without spaces, with single colons between them");
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl From<Scope> for Cow<'static, str> {
    fn from(scope: Scope) -> Self {
        Cow::Borrowed(scope.0)
    }
}

/// The scopes that a session was granted.
///
/// What is not well formed grants nothing, so it is left out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Cow<'static, str>>);

impl Scopes {
    /// These scopes: names, or constants of [`Scope`].
    pub fn new(names: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) -> Self {
        let names = names.into_iter().map(Into::into);
        Self(names.filter(|name| is_well_formed(name.as_bytes())).collect())
    }

    /// The scopes of a text that has spaces between them, as OAuth writes them (RFC 6749, section 3.3).
    pub fn parse(text: &str) -> Self {
        Self::new(text.split(' ').map(str::to_owned))
    }

    /// The scopes of the roles of these names. A name that no role has grants nothing.
    pub fn of_roles<'n>(roles: &[Role], names: impl IntoIterator<Item = &'n str>) -> Self {
        let role = |name: &str| roles.iter().find(|role| role.name == name);
        let scopes = names.into_iter().filter_map(role).flat_map(|role| role.scopes);
        Self::new(scopes.map(|scope| scope.name()))
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Whether one of them is the scope or above it.
    pub fn grants(&self, scope: Scope) -> bool {
        self.0.iter().any(|granted| {
            let below = scope.0.strip_prefix(&**granted);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names, as they were granted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.0).finish()
    }
}

/// A named set of scopes. [`App::roles`](crate::App::roles) has them checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: &'static str,
    /// What it grants.
    pub scopes: &'static [Scope],
}

impl Role {
    /// A role of that name that grants these.
    pub const fn new(name: &'static str, scopes: &'static [Scope]) -> Self {
        Self { name, scopes }
    }
}

/// Whether a name is segments with single colons between them, each of the characters `%x21 / %x23-5B / %x5D-7E`.
const fn is_well_formed(name: &[u8]) -> bool {
    let mut in_segment = false;
    let mut index = 0;
    while index < name.len() {
        match name[index] {
            b':' if !in_segment => return false,
            b':' => in_segment = false,
            b'!' | b'#'..=b'[' | b']'..=b'~' => in_segment = true,
            _ => return false,
        }
        index += 1;
    }
    in_segment
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Scope = Scope::new("orders:read");

    #[test]
    fn a_grant_covers_itself_and_what_is_below() {
        for granted in ["orders", "orders:read"] {
            assert!(Scopes::parse(granted).grants(READ), "{granted}");
        }
        for granted in
            ["", "order", "orders:", "orders:rea", "orders:read:", "orders:read:own", "*", "orders:*", ":", "ORDERS"]
        {
            assert!(!Scopes::parse(granted).grants(READ), "{granted}");
        }
        assert!(!Scopes::parse("orders:read").grants(Scope::new("orders")));
        assert!(Scopes::parse("x orders y").grants(READ));
        assert!(!Scopes::parse("ordersx").grants(Scope::new("ordersx2")));
    }

    #[test]
    fn what_is_not_well_formed_grants_nothing() {
        let scopes = Scopes::new(["a::b", ":a", "a:", "a b", "a\"", "a\\", "ä", "", "good"]);
        assert_eq!(scopes.iter().collect::<Vec<_>>(), ["good"]);
        assert_eq!(Scopes::parse("  a   b ").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(Scopes::new([READ]).grants(READ));
    }

    #[test]
    fn roles_are_sets_of_scopes() {
        const ROLES: &[Role] = &[Role::new("staff", &[READ, Scope::new("reports")]), Role::new("guest", &[])];
        let scopes = Scopes::of_roles(ROLES, ["staff", "nobody"]);
        assert!(scopes.grants(READ) && scopes.grants(Scope::new("reports:daily")));
        assert!(!scopes.grants(Scope::new("orders")));
        assert!(Scopes::of_roles(ROLES, ["guest", "STAFF"]).is_empty());
    }
}
