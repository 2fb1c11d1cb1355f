// Crash dumps: on a fatal signal, the crashing thread writes its name, what its loops are doing, and their
// tracked objects (ScopeTrackedObject::dumpState()), innermost first. Then the handler that was installed
// before runs, or the signal's default action is taken, as if there had been no dump.
#ifndef MCP_EVENT_CRASH_DUMP_H
#define MCP_EVENT_CRASH_DUMP_H

#include <csignal>
#include <vector>

namespace mcp {
namespace event {

struct CrashDumpOptions {
  // Written to; it stays the caller's and must stay open. By default the standard error.
  int fd = 2;
  // Those for which there is a dump. No others are possible.
#ifdef SIGBUS
  std::vector<int> signals = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
#else
  std::vector<int> signals = {SIGSEGV, SIGABRT, SIGFPE, SIGILL};
#endif
};

// Writes crash dumps from now on, for the whole process. Installed once more, the new options replace the
// former ones. To be called before the loops run: a thread gets the stack that the dump of a stack overflow
// needs when it enters run(). Throws std::invalid_argument for no signal, or others, and for a descriptor
// that is open for reading only, and std::system_error for one that is not open.
void installCrashDump(const CrashDumpOptions& options = CrashDumpOptions());

// Writes none any more, and brings the former handlers back, but where somebody has installed another one
// since. Nothing, if none is installed.
void uninstallCrashDump();

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_CRASH_DUMP_H
