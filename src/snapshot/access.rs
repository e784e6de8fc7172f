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
    pub at: Vec<(Arc<str>, Grants)>,
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
        let mut effective = Effective::default();
        self.held(principal).for_each(|held| effective.add(held.rights, held.services));
        Some(effective)
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
        let mut effective = Effective::default();
        self.bound(group).for_each(|bound| effective.add(self.role(bound.role), bound.services.as_deref()));
        effective
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
        Effective { everywhere: rights, at: Vec::new() }
    }

    /// Adds what a role gives; only its rights on data, and only there, when it is limited to
    /// services.
    pub fn add(&mut self, rights: Rights, services: Option<&[Arc<str>]>) {
        let Some(services) = services else {
            self.everywhere = self.everywhere.union(rights);
            return;
        };
        for service in services {
            match self.at.binary_search_by(|(name, _)| name.cmp(service)) {
                Ok(at) => self.at[at].1 = self.at[at].1.union(rights.data),
                Err(at) => self.at.insert(at, (service.clone(), rights.data)),
            }
        }
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
        let here = self.at.iter().find(|(name, _)| name.as_ref() == service);
        here.map_or(self.everywhere.data, |(_, grants)| grants.union(self.everywhere.data))
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
