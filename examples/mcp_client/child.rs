//! rmcp's child-process transport, which also tells how the child ended.

use std::{
    ffi::OsStr,
    io::{self, PipeReader, Read},
    process::ExitStatus,
    sync::{Arc, OnceLock},
};

use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{TokioChildProcess, Transport},
};

/// How a child ended, and what it said on stderr.
pub struct Ending {
    pub status: ExitStatus,
    pub last_words: String,
}

pub struct Child {
    /// Present until the transport is closed.
    process: Option<TokioChildProcess>,
    stderr: PipeReader,
    ending: Arc<OnceLock<Ending>>,
}

impl Child {
    /// Launches `program`; the ending is there once the transport was closed.
    pub fn launch(program: &OsStr) -> io::Result<(Child, Arc<OnceLock<Ending>>)> {
        let (stderr, child_stderr) = io::pipe()?;
        let command = tokio::process::Command::new(program);
        let (process, _) = TokioChildProcess::builder(command).stderr(child_stderr).spawn()?;
        let ending = Arc::default();
        Ok((Child { process: Some(process), stderr, ending: Arc::clone(&ending) }, ending))
    }
}

impl Transport<RoleClient> for Child {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let sent = self.process.as_mut().map(|process| process.send(message));
        async move {
            match sent {
                Some(sent) => sent.await,
                None => Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.process.as_mut()?.receive().await
    }

    /// Closes the child's stdin, which asks it to end, and waits until it has.
    async fn close(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.process.take().and_then(TokioChildProcess::into_inner) {
            let status = child.wait().await?;
            let mut last_words = String::new();
            self.stderr.read_to_string(&mut last_words)?;
            // A child ends only once.
            let _ = self.ending.set(Ending { status, last_words });
        }
        Ok(())
    }
}
