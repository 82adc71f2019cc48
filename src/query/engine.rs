//! Runs statements: one snapshot each, the tables that it names and no others, values bound to a typed plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::SchemaProvider;
use datafusion::catalog::memory::MemorySchemaProvider;
use datafusion::execution::SessionState;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

use super::arguments::{Arguments, Kind, Parameter, shared};
use super::binding::{Parameters, bind};
use super::catalog::{Declarations, LakeSchema};
use super::error::{Error, Place, nearest};
use super::header::check_columns;
use super::library::{Canned, Library};
use super::opening::{Opening, VIEW_DEPTH_MAX, references};
use super::options::{Options, session_config};
use super::reading::Reading;
use super::run_join::by_runs;
use super::running::RunningWindows;
use super::source::Source;
use super::statement::{Placeholders, Script, Statement};
use super::yielding::yielding;
use super::{functions, guard, kept, plain};

/// The rows of an answer, as they come.
pub struct Answer {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows. An error ends the stream.
    pub batches: BoxStream<'static, Result<RecordBatch, Error>>,
    /// How far the files beneath it are read; `None` where there are none.
    pub reading: Option<Reading>,
}

impl Answer {
    /// Rows that are there already.
    #[must_use]
    pub fn of(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        let batches = futures::stream::iter([Ok(batch)]).boxed();
        Self { schema, batches, reading: None }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Runs statements over a lake.
#[derive(Debug)]
pub struct Engine {
    source: Arc<dyn Source>,
    library: Arc<Library>,
    state: Mutex<SessionState>,
    declared: Arc<Declarations>,
    own: Arc<MemorySchemaProvider>,
    allow_write: bool,
}

impl Engine {
    /// An engine over a lake, with the views of a library.
    ///
    /// # Errors
    /// [`Error::Setup`] where the folder to spill to can't be used.
    pub fn new(
        source: Arc<dyn Source>,
        library: Arc<Library>,
        options: &Options,
    ) -> Result<Self, Error> {
        let mut disk = DiskManagerBuilder::default();
        if let Some(folder) = &options.spill_folder {
            disk = disk.with_mode(DiskManagerMode::Directories(vec![folder.clone()]));
        }
        let mut runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(disk);
        if let Some(bytes) = options.memory_limit {
            runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
        }
        let runtime =
            runtime.build_arc().map_err(|error| Error::Setup { message: error.to_string() })?;
        if let Some((url, store)) = source.store() {
            runtime.register_object_store(&url, store);
        }
        let mut builder = SessionStateBuilder::new()
            .with_config(session_config(options))
            .with_runtime_env(runtime)
            .with_default_features()
            .with_optimizer_rule(Arc::new(RunningWindows));
        builder.scalar_functions().get_or_insert_default().extend(functions::scalars());
        builder.aggregate_functions().get_or_insert_default().extend(functions::aggregates());
        let state = builder.build();
        let declared = Arc::new(Declarations::new(Arc::clone(&library)));
        Ok(Self {
            source,
            library,
            state: Mutex::new(state),
            declared,
            own: Arc::new(MemorySchemaProvider::new()),
            allow_write: options.allow_write,
        })
    }

    /// Reads a text of one or more statements, to be given to [`Engine::run`] in turn, and refuses arguments
    /// that none of them takes.
    ///
    /// # Errors
    /// As [`Script::parse`], and [`Error::UnknownParameter`].
    pub fn script(&self, sql: &str, arguments: &Arguments) -> Result<Script, Error> {
        let script = Script::parse(sql)?;
        let mut taken = Vec::new();
        for statement in script.statements() {
            let state = self.snapshot_of_state();
            taken.extend(self.parameters(&state, statement)?.into_keys());
        }
        taken.sort();
        taken.dedup();
        arguments.refuse_others("the statement", &taken)?;
        Ok(script)
    }

    /// Runs a text of one statement.
    ///
    /// # Errors
    /// Any [`Error`] of reading, planning and starting it; later ones come in the stream.
    pub async fn query(&self, sql: &str, arguments: &Arguments) -> Result<Answer, Error> {
        let statement = self.script(sql, arguments)?.single()?;
        self.run(&statement, arguments).await
    }

    /// Runs a statement of a text that [`Engine::script`] read.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub async fn run(&self, statement: &Statement, arguments: &Arguments) -> Result<Answer, Error> {
        let (state, plan) = self.plan_adhoc(statement, arguments).await?;
        self.execute(state, plan).await
    }

    /// The plan of a statement, as rows of text.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub async fn explain(
        &self,
        statement: &Statement,
        arguments: &Arguments,
    ) -> Result<Answer, Error> {
        let (state, plan) = self.plan_adhoc(statement, arguments).await?;
        self.execute(state, explained(plan)?).await
    }

    /// Runs a canned query.
    ///
    /// # Errors
    /// As [`Engine::query`], and [`Error::Header`] where its header does not fit.
    pub async fn run_canned(
        &self,
        canned: &Canned,
        arguments: &Arguments,
    ) -> Result<Answer, Error> {
        let (state, plan) = self.plan_canned(canned, arguments).await?;
        self.execute(state, plan).await
    }

    /// The plan of a canned query, as rows of text.
    ///
    /// # Errors
    /// As [`Engine::run_canned`].
    pub async fn explain_canned(
        &self,
        canned: &Canned,
        arguments: &Arguments,
    ) -> Result<Answer, Error> {
        let (state, plan) = self.plan_canned(canned, arguments).await?;
        self.execute(state, explained(plan)?).await
    }

    /// Plans a canned query, or a view, without values, and compares the result with its header.
    ///
    /// # Errors
    /// [`Error::Header`] with file and line, and any error of planning.
    pub async fn check(&self, canned: &Canned) -> Result<(), Error> {
        self.plan_headed(canned).await.map(|_| ())
    }

    /// The names of all functions, each once.
    #[must_use]
    pub fn functions(&self) -> BTreeSet<String> {
        let state = self.snapshot_of_state();
        let scalar = state.scalar_functions().keys();
        let others = state.aggregate_functions().keys().chain(state.window_functions().keys());
        scalar.chain(others).chain(state.table_functions().keys()).cloned().collect()
    }

    /// Tables and views by name, with the names of their columns: those of the lake, and those that statements made.
    #[must_use]
    pub fn relations(&self) -> BTreeMap<String, Vec<String>> {
        let columns = |schema: &Schema| {
            schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
        };
        let lake = self.declared.names().map(|name| {
            let declared = self.declared.get(name);
            (name.to_owned(), declared.map_or_else(Vec::new, |it| columns(&it.schema)))
        });
        let own = self.own.table_names().into_iter().map(|name| {
            let table = self.own.table(&name).now_or_never().and_then(Result::ok).flatten();
            let columns = table.map_or_else(Vec::new, |table| columns(&table.schema()));
            (name, columns)
        });
        lake.chain(own).collect()
    }

    /// What is to be said of a table that there is not.
    #[must_use]
    pub fn unknown_table(&self, name: &str) -> Error {
        let relations = self.relations();
        let nearest = nearest(name, relations.keys().map(String::as_str));
        Error::UnknownTable { name: name.to_owned(), nearest, place: Place::default() }
    }

    async fn plan_adhoc(
        &self,
        statement: &Statement,
        arguments: &Arguments,
    ) -> Result<(SessionState, LogicalPlan), Error> {
        guard::admit(&statement.parsed, self.allow_write)?;
        let (state, schema) = self.statement_state()?;
        let parameters = self.parameters(&state, statement)?;
        let (parsed, _) = statement.typed(|name| kind_in(&parameters, name))?;
        let plan = self.plan(&state, &schema, parsed, &statement.text).await?;
        guard::admit_plan(&plan, self.allow_write)?;
        guard::spare_lake(&plan, |name| self.declared.contains(name))?;
        let (plan, values) = bind("the statement", plan, &parameters, arguments, &statement.text)?;
        let plan = kept::settle(&state, plan, &values).await?;
        Ok((state, plan))
    }

    async fn plan_canned(
        &self,
        canned: &Canned,
        arguments: &Arguments,
    ) -> Result<(SessionState, LogicalPlan), Error> {
        let what = format!("the query `{}`", canned.header().name);
        let taken: Vec<String> =
            canned.header().params.iter().map(|parameter| parameter.name.clone()).collect();
        arguments.refuse_others(&what, &taken)?;
        let (mut state, plan) = self.plan_headed(canned).await?;
        if is_about_all(&taken, arguments) {
            let settings = state.config_mut().options_mut();
            settings.optimizer.enable_join_dynamic_filter_pushdown = false;
        }
        let parameters = canned
            .header()
            .params
            .iter()
            .map(|parameter| (parameter.name.clone(), Some(parameter.clone())))
            .collect();
        let (plan, values) = bind(&what, plan, &parameters, arguments, canned.text())?;
        let plan = kept::settle(&state, plan, &values).await?;
        Ok((state, plan))
    }

    async fn plan_headed(&self, canned: &Canned) -> Result<(SessionState, LogicalPlan), Error> {
        guard::admit(&canned.statement.parsed, false)?;
        let (state, schema) = self.statement_state()?;
        let (parsed, own) =
            canned.statement.typed(|name| canned.parameter(name).map(|found| found.kind))?;
        self.check_uses(&state, canned, &parsed)?;
        self.check_parameters(&state, canned, &parsed, own)?;
        let plan = self.plan(&state, &schema, parsed, canned.text()).await?;
        guard::admit_plan(&plan, false)?;
        check_columns(canned.header(), plan.schema().as_arrow())
            .map_err(|(word, message)| canned.fault(&word, message))?;
        Ok((state, plan))
    }

    /// The tables and views that a header names must be those of the statement.
    fn check_uses(
        &self,
        state: &SessionState,
        canned: &Canned,
        parsed: &Parsed,
    ) -> Result<(), Error> {
        let named: Vec<String> = references(state, parsed)?
            .iter()
            .map(|reference| reference.table().to_owned())
            .filter(|name| self.declared.contains(name))
            .collect();
        let uses = &canned.header().uses;
        if let Some(name) = named.iter().find(|name| !uses.contains(name)) {
            return Err(canned.fault("uses =", format!("`uses` leaves out `{name}`")));
        }
        match uses.iter().find(|name| !named.contains(name)) {
            None => Ok(()),
            Some(name) => {
                Err(canned.fault("uses =", format!("the statement does not use `{name}`")))
            }
        }
    }

    /// What a header declares must be what the statement, and the views beneath it, use.
    fn check_parameters(
        &self,
        state: &SessionState,
        canned: &Canned,
        parsed: &Parsed,
        own: Placeholders,
    ) -> Result<(), Error> {
        let mut used = own;
        for inherited in self.view_parameters(state, parsed, 0)? {
            match canned.parameter(&inherited.name) {
                Some(found) if found.kind != inherited.kind => {
                    let message =
                        format!("`{}` has another type in the view that takes it", found.name);
                    return Err(canned.fault(&format!("\"{}\"", found.name), message));
                }
                found => used.insert(inherited.name, found.map(|found| found.kind)),
            };
        }
        if let Some((name, _)) = used.iter().find(|(_, kind)| kind.is_none()) {
            let message = format!("the header does not declare the parameter `{name}`");
            return Err(canned.fault(&format!("${name}"), message));
        }
        match canned.header().params.iter().find(|found| !used.contains_key(&found.name)) {
            None => Ok(()),
            Some(unused) => {
                let message = format!("nothing uses the parameter `{}`", unused.name);
                Err(canned.fault(&format!("\"{}\"", unused.name), message))
            }
        }
    }

    /// The parameters of an ad-hoc statement by name; `None` where only the plan can tell the type. What the
    /// statement itself names must be given; what a view beneath it names need not.
    fn parameters(&self, state: &SessionState, statement: &Statement) -> Result<Parameters, Error> {
        let mut parameters: Parameters = self
            .view_parameters(state, &statement.parsed, 0)?
            .into_iter()
            .map(|parameter| (parameter.name.clone(), Some(parameter)))
            .collect();
        let (_, own) = statement.typed(|_| None)?;
        for (name, kind) in own {
            let known = match (parameters.remove(&name).flatten(), kind) {
                (Some(inherited), _) => Some(inherited),
                (None, Some(kind)) => Some(Parameter {
                    name: name.clone(),
                    kind,
                    default: None,
                    help: String::new(),
                    choices: Vec::new(),
                    required: true,
                }),
                // Globs are bound as a regular expression, which only a header can tell of: in plain SQL
                // `stage_name = $stage` must mean what it says.
                (None, None) => shared(&name).filter(|parameter| parameter.kind != Kind::Globs),
            };
            let known = known
                .map(|parameter| Parameter { required: parameter.default.is_none(), ..parameter });
            parameters.insert(name, known);
        }
        Ok(parameters)
    }

    fn view_parameters(
        &self,
        state: &SessionState,
        parsed: &Parsed,
        depth: usize,
    ) -> Result<Vec<Parameter>, Error> {
        let mut parameters = Vec::new();
        for reference in references(state, parsed)? {
            let Some(view) = self.library.view(reference.table()) else { continue };
            parameters.extend(view.header().params.iter().cloned());
            if depth < VIEW_DEPTH_MAX {
                parameters.extend(self.view_parameters(
                    state,
                    &view.statement.parsed,
                    depth + 1,
                )?);
            }
        }
        Ok(parameters)
    }

    fn snapshot_of_state(&self) -> SessionState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn statement_state(&self) -> Result<(SessionState, Arc<LakeSchema>), Error> {
        let schema = Arc::new(LakeSchema::new(Arc::clone(&self.declared), Arc::clone(&self.own)));
        let catalogs = Arc::clone(&schema)
            .into_catalogs()
            .map_err(|error| Error::Setup { message: error.to_string() })?;
        let state = SessionStateBuilder::new_from_existing(self.snapshot_of_state())
            .with_catalog_list(catalogs)
            .build();
        Ok((state, schema))
    }

    async fn plan(
        &self,
        state: &SessionState,
        schema: &LakeSchema,
        parsed: Parsed,
        text: &str,
    ) -> Result<LogicalPlan, Error> {
        if !references(state, &parsed)?.is_empty() {
            let names_new = !guard::is_query(&parsed);
            let opening = Opening {
                source: &*self.source,
                library: &self.library,
                state,
                schema,
                names_new,
                snapshot: None,
            };
            opening.open(&parsed).await.map_err(|error| error.placed_in(text))?;
        }
        state.statement_to_plan(parsed).await.map_err(|error| {
            let error = plain::planning(error, text);
            suggest_function(error, state).placed_in(text)
        })
    }

    async fn execute(&self, state: SessionState, plan: LogicalPlan) -> Result<Answer, Error> {
        let sets_options = matches!(plan, LogicalPlan::Statement(_));
        let context = SessionContext::new_with_state(state);
        let frame = context.execute_logical_plan(plan).await.map_err(plain::running)?;
        if sets_options {
            let config = context.copied_config();
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            *state.config_mut() = config;
        }
        let schema = Arc::clone(frame.schema().inner());
        let task = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.map_err(plain::running)?;
        let plan = by_runs(plan).and_then(yielding).map_err(plain::running)?;
        let reading = Some(Reading::new(Arc::clone(&plan)));
        let stream = execute_stream(plan, task).map_err(plain::running)?;
        let batches = stream.map(|batch| batch.map_err(plain::running)).boxed();
        Ok(Answer { schema, batches, reading })
    }
}

/// Whether a query could be narrowed to some sessions, and is not. Joins with them then leave out no file, and to work
/// that out for each file takes longer than to read a small one.
fn is_about_all(taken: &[String], arguments: &Arguments) -> bool {
    let mut narrowing = taken
        .iter()
        .filter(|name| ["stage", "session", "from", "to"].contains(&name.as_str()))
        .peekable();
    narrowing.peek().is_some() && narrowing.all(|name| arguments.given(name).is_empty())
}

fn kind_in(parameters: &Parameters, name: &str) -> Option<Kind> {
    parameters.get(name)?.as_ref().map(|parameter| parameter.kind)
}

/// The planner suggests functions too, but not those whose letters were swapped.
fn suggest_function(error: Error, state: &SessionState) -> Error {
    match error {
        Error::UnknownFunction { name, place, .. }
            if state.window_functions().contains_key(&name.to_lowercase()) =>
        {
            Error::Invalid { message: format!("`{name}` needs OVER (…)"), place }
        }
        Error::UnknownFunction { name, place, .. } => {
            let known = state
                .scalar_functions()
                .keys()
                .chain(state.aggregate_functions().keys())
                .chain(state.window_functions().keys());
            let nearest = nearest(&name, known.map(String::as_str));
            Error::UnknownFunction { name, nearest, place }
        }
        other => other,
    }
}

fn explained(plan: LogicalPlan) -> Result<LogicalPlan, Error> {
    if matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) {
        return Ok(plan);
    }
    LogicalPlanBuilder::from(plan)
        .explain(false, false)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| plain::planning(error, ""))
}
