//! stub
use super::*; use crate::error::Result;
pub struct LocalModel;
impl LocalModel { pub fn open(_p: &std::path::Path, _s: &Sampling) -> Result<Self> { unimplemented!() } }
#[async_trait::async_trait]
impl Model for LocalModel { fn card(&self) -> &ModelCard { unimplemented!() } async fn answer(&self, _r: Vec<Request>) -> Vec<Reply> { unimplemented!() } }
