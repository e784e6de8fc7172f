//! Who has which rights in one tenant: its members, bindings and roles, ready to be asked.

use std::sync::Arc;

use crate::model::{Binding, Grants, Id, Member, Membership, Powers, Rights, Role, RoleId};

/// All that decides on rights in one tenant. Each list is sorted by its first field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    members: Vec<(Id, Groups)>,
    /// By subject, then by id.
    bindings: Vec<Bound>,
    roles: Vec<(Id, Rights)>,
}

type Groups = Box<[(Id, Membership)]>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bound {
    subject: Id,
    binding: Id,
    role: RoleId,
    services: Option<Box<[Arc<str>]>>,
}

/// What somebody may do in a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    /// At every service, and in administration.
    pub everywhere: Rights,
    /// Besides, at single services; sorted by name, each once.
    pub at: Box<[(Arc<str>, Grants)]>,
}

/// One binding by which somebody has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    pub binding: Id,
    pub role: RoleId,
    pub rights: Rights,
    /// The group through which they have it; none when they are bound themselves.
    pub group: Option<Id>,
    /// The services to which it is limited.
    pub services: Option<&'a [Arc<str>]>,
}

impl Access {
    /// The bindings that count for a user or service account: their own first, then by group. Empty
    /// when they have no access to the tenant.
    pub fn held(&self, principal: Id) -> impl Iterator<Item = Held<'_>> {
        let groups = self.groups(principal);
        let own = groups.map(|_| (principal, None));
        let through = groups.into_iter().flatten().map(|(group, _)| (*group, Some(*group)));
        own.into_iter().chain(through).flat_map(move |(subject, group)| {
            self.bound(subject).map(move |bound| Held {
                binding: bound.binding,
                role: bound.role,
                rights: self.role(bound.role),
                group,
                services: bound.services.as_deref(),
            })
        })
    }

    /// The rights of a user or service account; none when they have no access to the tenant.
    pub fn rights(&self, principal: Id) -> Option<Effective> {
        self.groups(principal)?;
        Some(Effective::of(self.held(principal).map(|held| (held.rights, held.services))))
    }

    /// The rights that a role has; none when there is no such role.
    pub fn role(&self, role: RoleId) -> Rights {
        match role {
            RoleId::Managed(role) => role.rights(),
            RoleId::Custom(id) => find(&self.roles, id).copied().unwrap_or(Rights::NONE),
        }
    }

    /// The rights that being in a group gives.
    pub fn group_rights(&self, group: Id) -> Effective {
        Effective::of(self.bound(group).map(|bound| (self.role(bound.role), bound.services.as_deref())))
    }

    /// How many bindings a user, service account or group has, those of their groups aside.
    pub fn bindings_of(&self, subject: Id) -> usize {
        self.bound(subject).count()
    }

    /// The groups that somebody is in; none when they have no access to the tenant.
    pub fn groups(&self, principal: Id) -> Option<&[(Id, Membership)]> {
        find(&self.members, principal).map(AsRef::as_ref)
    }

    pub fn is_member(&self, principal: Id) -> bool {
        self.groups(principal).is_some()
    }

    /// Who has access to the tenant, and their groups; by id.
    pub fn members(&self) -> impl Iterator<Item = (Id, &[(Id, Membership)])> {
        self.members.iter().map(|(id, groups)| (*id, groups.as_ref()))
    }

    fn bound(&self, subject: Id) -> impl Iterator<Item = &Bound> {
        let from = self.bindings.partition_point(|bound| bound.subject < subject);
        self.bindings[from..].iter().take_while(move |bound| bound.subject == subject)
    }

    pub(super) fn put_member(&mut self, member: &Member) {
        let groups = member.groups.iter().map(|(id, membership)| (*id, *membership)).collect();
        put(&mut self.members, member.principal.id(), groups);
    }

    pub(super) fn drop_member(&mut self, principal: Id) {
        self.members.retain(|(id, _)| *id != principal);
    }

    /// A binding never changes, so one of the same id is the same.
    pub(super) fn put_binding(&mut self, binding: &Binding) {
        let services = binding.services.as_ref();
        let bound = Bound {
            subject: binding.subject.id(),
            binding: binding.id,
            role: binding.role,
            services: services.map(|names| names.iter().map(|name| name.as_str().into()).collect()),
        };
        let at = self.bindings.partition_point(|other| *other < bound);
        if self.bindings.get(at) != Some(&bound) {
            self.bindings.insert(at, bound);
        }
    }

    pub(super) fn drop_binding(&mut self, binding: Id) {
        self.bindings.retain(|bound| bound.binding != binding);
    }

    pub(super) fn put_role(&mut self, role: &Role) {
        put(&mut self.roles, role.id, role.rights);
    }

    pub(super) fn drop_role(&mut self, role: Id) {
        self.roles.retain(|(id, _)| *id != role);
    }
}

impl Effective {
    pub fn everywhere(rights: Rights) -> Self {
        Effective { everywhere: rights, at: Box::default() }
    }

    /// What roles give together: each everywhere, or, when it is limited to services, its rights on
    /// data alone, and only there.
    pub fn of<'a>(roles: impl IntoIterator<Item = (Rights, Option<&'a [Arc<str>]>)>) -> Self {
        let (mut everywhere, mut at) = (Rights::NONE, Vec::new());
        for (rights, services) in roles {
            match services {
                None => everywhere = everywhere.union(rights),
                Some(services) => at.extend(services.iter().map(|service| (service, rights.data))),
            }
        }
        at.sort_unstable_by_key(|(service, _)| *service);
        at.dedup_by(|(service, grants), (before, held)| {
            let same = service == before;
            if same {
                *held = held.union(*grants);
            }
            same
        });
        let at = at.into_iter().map(|(service, grants)| (service.clone(), grants)).collect();
        Effective { everywhere, at }
    }

    /// Keeps what is in `scopes` too.
    #[must_use]
    pub fn narrowed(mut self, scopes: Rights) -> Self {
        self.everywhere = self.everywhere.intersection(scopes);
        self.at.iter_mut().for_each(|(_, grants)| *grants = grants.intersection(scopes.data));
        self
    }

    /// The rights on data at a service.
    pub fn at(&self, service: &str) -> Grants {
        match self.at.binary_search_by(|(name, _)| name.as_ref().cmp(service)) {
            Ok(here) => self.at[here].1.union(self.everywhere.data),
            Err(_) => self.everywhere.data,
        }
    }

    pub fn powers(&self) -> Powers {
        self.everywhere.powers
    }

    /// Whether all of a role, limited to services or not, is in here.
    pub fn cover<'a>(&self, rights: Rights, services: Option<impl IntoIterator<Item = &'a str>>) -> bool {
        match services {
            None => self.everywhere.cover(rights),
            Some(services) => services
                .into_iter()
                .all(|service| Rights::on_data(self.at(service)).cover(Rights::on_data(rights.data))),
        }
    }
}

fn find<T>(list: &[(Id, T)], id: Id) -> Option<&T> {
    list.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| &list[at].1)
}

fn put<T>(list: &mut Vec<(Id, T)>, id: Id, value: T) {
    match list.binary_search_by_key(&id, |(id, _)| *id) {
        Ok(at) => list[at].1 = value,
        Err(at) => list.insert(at, (id, value)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::{Routes, Snapshot};
    use super::*;
    use crate::model::{ManagedRole, OrgId, Principal, Subject, Tenant, TenantId, Timestamp};
    use crate::store::{Change, Record, RecordId, Recorded};

    const SERVICES: [&str; 3] = ["loki", "mimir", "tempo"];
    const EACH: u8 = 3;

    fn acme() -> TenantId {
        TenantId::parse("acme").expect("an id")
    }

    /// Users are 1 and on, service accounts 11, groups 21, roles 31, bindings 41.
    fn id(first: u8) -> impl Strategy<Value = Id> {
        (first..first + EACH).prop_map(|nth| Id::from_random([nth; 16]))
    }

    fn rights() -> impl Strategy<Value = Rights> {
        let texts: Vec<String> = Rights::ALL.texts().collect();
        prop::collection::vec(prop::sample::select(texts), 0..6)
            .prop_map(|texts| Rights::parse(texts.iter().map(String::as_str)).expect("its own texts"))
    }

    fn principal() -> impl Strategy<Value = Principal> {
        prop_oneof![id(1).prop_map(Principal::User), id(11).prop_map(Principal::ServiceAccount)]
    }

    fn subject() -> impl Strategy<Value = Subject> {
        prop_oneof![
            1 => id(1).prop_map(Subject::User),
            1 => id(11).prop_map(Subject::ServiceAccount),
            2 => id(21).prop_map(Subject::Group),
        ]
    }

    fn role_id() -> impl Strategy<Value = RoleId> {
        prop_oneof![
            3 => id(31).prop_map(RoleId::Custom),
            1 => prop::sample::select(&ManagedRole::ALL[..]).prop_map(RoleId::Managed),
        ]
    }

    /// A record that can be shown.
    #[derive(Clone, Debug)]
    enum Step {
        Member(Member),
        Role(Role),
        Binding(Binding),
    }

    impl From<Step> for Record {
        fn from(step: Step) -> Record {
            match step {
                Step::Member(member) => member.into(),
                Step::Role(role) => role.into(),
                Step::Binding(binding) => binding.into(),
            }
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = Timestamp::from_seconds(1);
        let member =
            (principal(), prop::collection::btree_set(id(21), 0..3)).prop_map(move |(principal, ids)| {
                let groups = ids.into_iter().map(|id| (id, Membership::Member)).collect();
                Step::Member(Member { tenant: acme(), principal, groups, created_at: at })
            });
        let role = (id(31), rights()).prop_map(move |(id, rights)| {
            let (name, description) = (String::new(), String::new());
            Step::Role(Role { tenant: acme(), id, name, description, rights, created_at: at, updated_at: at })
        });
        let services = prop::collection::btree_set(prop::sample::select(&SERVICES[..2]), 1..3);
        let services = prop::option::of(services);
        // Many ids: a binding never changes.
        let binding = (any::<[u8; 16]>(), subject(), role_id(), services).prop_map(
            move |(bytes, subject, role, services)| {
                let services: Option<BTreeSet<String>> =
                    services.map(|names| names.into_iter().map(str::to_owned).collect());
                let id = Id::from_random(bytes);
                Step::Binding(Binding { tenant: acme(), id, subject, role, services, created_at: at })
            },
        );
        prop_oneof![2 => member, 2 => role, 3 => binding]
    }

    /// What somebody may do, asked of all records one after the other.
    fn slowly(records: &BTreeMap<RecordId, Record>, asked: Principal) -> Option<(Rights, Vec<Grants>)> {
        let all = || records.values();
        let member =
            all().find_map(|record| Member::of_record(record).filter(|one| one.principal == asked))?;
        let means = |subject: Subject| match (subject, asked) {
            (Subject::User(id), Principal::User(own))
            | (Subject::ServiceAccount(id), Principal::ServiceAccount(own)) => id == own,
            (Subject::Group(group), _) => member.groups.contains_key(&group),
            (Subject::User(_) | Subject::ServiceAccount(_), _) => false,
        };
        let role_rights = |asked: RoleId| match asked {
            RoleId::Managed(role) => role.rights(),
            RoleId::Custom(id) => all()
                .find_map(|record| Role::of_record(record).filter(|role| role.id == id))
                .map_or(Rights::NONE, |role| role.rights),
        };
        let bindings = || all().filter_map(Binding::of_record).filter(|binding| means(binding.subject));
        let everywhere = bindings()
            .filter(|binding| binding.services.is_none())
            .fold(Rights::NONE, |held, binding| held.union(role_rights(binding.role)));
        let at = |service: &&str| {
            bindings()
                .filter(|binding| binding.services.as_ref().is_none_or(|names| names.contains(*service)))
                .fold(Grants::NONE, |held, binding| held.union(role_rights(binding.role).data))
        };
        Some((everywhere, SERVICES.iter().map(at).collect()))
    }

    fn everybody() -> impl Iterator<Item = Principal> {
        let id = |nth| Id::from_random([nth; 16]);
        let users = (1..=EACH).map(move |nth| Principal::User(id(nth)));
        users.chain((11..11 + EACH).map(move |nth| Principal::ServiceAccount(id(nth))))
    }

    proptest! {
        #[test]
        fn rights_are_those_that_the_records_say(
            steps in prop::collection::vec((step(), prop::option::weighted(0.3, any::<prop::sample::Index>())), 0..40),
        ) {
            let mut snapshot = Snapshot::empty(Arc::new(Routes::new(&[])));
            let at = Timestamp::from_seconds(1);
            snapshot.put(Record::Tenant(Tenant::new(acme(), OrgId::nth(&acme(), 1), at)), 1);
            let mut records = BTreeMap::new();
            for (revision, (step, deleted)) in (2..).zip(steps) {
                let record = Record::from(step);
                let mut changes = vec![Change::Put(record.clone().into())];
                records.insert(record.id(), record);
                if let Some(index) = deleted {
                    let gone = index.get(&records.keys().cloned().collect::<Vec<_>>()).clone();
                    records.remove(&gone);
                    changes.push(Change::Delete(gone));
                }
                snapshot = snapshot.after(revision, &changes);
                let access = &snapshot.tenants.get("acme").expect("the tenant").access;
                for principal in everybody() {
                    let seen = access.rights(principal.id()).map(|held| {
                        let at = SERVICES.map(|service| held.at(service)).to_vec();
                        (held.everywhere, at)
                    });
                    prop_assert_eq!(seen, slowly(&records, principal));
                }
            }
        }
    }

    #[test]
    fn one_covers_what_it_has_and_no_more() {
        let read = Rights::parse(["logs:read", "ROLE:READ"]).expect("rights");
        let loki: [Arc<str>; 1] = ["loki".into()];
        let logs = Rights::parse(["logs:read"]).expect("rights");
        let held = Effective::everywhere(logs);
        assert!(!held.cover(read, None::<[&str; 0]>));
        assert!(held.cover(read, Some(["tempo"])), "a role limited to services gives no administration");
        let held = Effective::of([(logs, None), (Rights::ALL, Some(loki.as_slice()))]);
        assert!(held.cover(Rights::ALL, Some(["loki"])) && !held.cover(Rights::ALL, Some(["loki", "tempo"])));
        assert_eq!(held.powers(), Powers::NONE);
    }
}
