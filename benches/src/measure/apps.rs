//! Apps of many groups, written for the occasion.

use crate::{failure::Failure, programs::Programs};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Writes an app of so many groups of two functions with types of their own, and gives its folder.
pub(crate) fn write(programs: &Programs, dir: &Path, groups: usize) -> Result<PathBuf, Failure> {
    let manifest = format!(
        "[workspace]\n\n[package]\nname = \"many-groups\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\npikku = {{ path = {:?} }}\nschemars = \"1\"\nserde = {{ version = \"1\", features = [\"derive\"] }}\n",
        programs.root.join("runtime")
    );
    let src = dir.join("src");
    fs::create_dir_all(&src).map_err(Failure::file(&src))?;
    for (path, text) in [(dir.join("Cargo.toml"), manifest), (src.join("lib.rs"), source(groups))] {
        fs::write(&path, text).map_err(Failure::file(path))?;
    }
    Ok(dir.to_path_buf())
}

fn source(groups: usize) -> String {
    let mut modules = String::new();
    let mut wirings = String::new();
    for number in 0..groups {
        // Writing to a `String` cannot fail.
        let _ = write!(
            modules,
            r#"
pub mod group_{number} {{
    use pikku::Problem;
    use schemars::JsonSchema;
    use serde::{{Deserialize, Serialize}};

    #[derive(pikku::Group)]
    pub struct Group{number};

    #[derive(Deserialize, JsonSchema)]
    pub struct Add{number} {{
        #[schemars(length(min = 1, max = 80))]
        pub name: String,
        #[schemars(range(min = 1, max = 100))]
        pub count: u32,
        pub tags: Option<Vec<String>>,
    }}

    #[derive(Deserialize, JsonSchema)]
    pub struct Key{number} {{
        pub id: u64,
    }}

    #[derive(Serialize, JsonSchema)]
    pub struct Item{number} {{
        pub id: u64,
        pub name: String,
        pub tags: Vec<String>,
    }}

    #[pikku::function]
    pub async fn add_{number}(add: Add{number}) -> Result<Item{number}, Problem> {{
        Ok(Item{number} {{ id: u64::from(add.count), name: add.name, tags: add.tags.unwrap_or_default() }})
    }}

    #[pikku::function]
    pub async fn show_{number}(key: Key{number}) -> Result<Item{number}, Problem> {{
        Ok(Item{number} {{ id: key.id, name: format!("item {{}}", key.id), tags: Vec::new() }})
    }}
}}
"#
        );
        let _ = write!(
            wirings,
            "        .group::<group_{number}::Group{number}>(|g| {{
            g.http::<group_{number}::add_{number}>(pikku::http::post(\"/{number}/items\"))
                .http::<group_{number}::show_{number}>(pikku::http::get(\"/{number}/items/{{id}}\"))
        }})\n"
        );
    }
    format!("{modules}\npub fn app<S: pikku::Selection>() -> pikku::App<S> {{\n    pikku::App::new()\n{wirings}}}\n")
}
