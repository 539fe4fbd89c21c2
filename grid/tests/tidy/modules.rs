//! Parses a crate into its modules. Code that only tests compile is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Attribute, Expr, ExprLit, ImplItem, Item, ItemMod, Lit, Meta, Token};

use super::paths::{self, Import};

/// Returns the text of a file, or `None` if it does not exist.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// One module: a file, or an inline module within one.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// The root is its own parent.
    pub(crate) parent: usize,
    pub(crate) children: BTreeMap<String, usize>,
    /// Names of what is defined here, modules excepted.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Paths in signatures, bodies and macros.
    pub(crate) paths: Vec<Vec<String>>,
}

/// Parses the crate with this root file. The root module is the first one.
pub(crate) fn parse(root: &Path, read: Read<'_>) -> Vec<Module> {
    let folder = root.parent().expect("a file in a folder").to_owned();
    let mut parser = Parser { read, modules: Vec::new() };
    parser.file(root, folder, 0);
    parser.modules
}

struct Parser<'a> {
    read: Read<'a>,
    modules: Vec<Module>,
}

impl Parser<'_> {
    /// Adds the module in `file`, whose children are in `folder`.
    fn file(&mut self, file: &Path, folder: PathBuf, parent: usize) -> usize {
        let text = (self.read)(file).unwrap_or_else(|| panic!("{} is missing", file.display()));
        let parsed = syn::parse_file(&text)
            .unwrap_or_else(|error| panic!("{} does not parse: {error}", file.display()));
        self.module(file, &folder, parent, &parsed.items)
    }

    fn module(&mut self, file: &Path, folder: &Path, parent: usize, items: &[Item]) -> usize {
        let index = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            if let Item::Mod(item) = item {
                let child = self.child(file, folder, index, item);
                self.modules[index].children.insert(paths::name(&item.ident), child);
            } else {
                self.modules[index].items.extend(defined(item));
                paths::Collector(&mut self.modules[index]).visit_item(item);
            }
        }
        index
    }

    fn child(&mut self, file: &Path, folder: &Path, parent: usize, item: &ItemMod) -> usize {
        let name = paths::name(&item.ident);
        let inner = folder.join(&name);
        if let Some((_, items)) = &item.content {
            return self.module(file, &inner, parent, items);
        }
        if let Some(path) = path_attribute(&item.attrs) {
            let file = file.parent().expect("a file in a folder").join(path);
            let folder = file.parent().expect("a file in a folder").to_owned();
            return self.file(&file, folder, parent);
        }
        let flat = folder.join(format!("{name}.rs"));
        let file = if (self.read)(&flat).is_some() { flat } else { inner.join("mod.rs") };
        self.file(&file, inner, parent)
    }
}

/// The names of an item that can be imported. Of a service, those of its client and server as well, which the macro defines.
fn defined(item: &Item) -> Vec<String> {
    let Some(name) = name(item) else { return Vec::new() };
    if !attributes(item).iter().any(is_service) {
        return vec![name];
    }
    [name.clone(), format!("{name}Client"), format!("{name}Server")].into()
}

/// Whether it is the macro of services.
fn is_service(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "service")
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(paths::name(ident))
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub(crate) fn attributes_in_impl(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether only tests compile what has these attributes.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    fn implies_test(condition: &Meta) -> bool {
        match condition {
            Meta::Path(path) => path.is_ident("test") || path.is_ident("doctest"),
            Meta::List(list) if list.path.is_ident("all") => list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|conditions| conditions.iter().any(implies_test)),
            _ => false,
        }
    }
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        attribute.parse_args::<Meta>().is_ok_and(|condition| implies_test(&condition))
    })
}

/// The value of `#[path = "…"]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("path"))?;
    match &attribute.meta.require_name_value().ok()?.value {
        Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Some(path.value()),
        _ => None,
    }
}
