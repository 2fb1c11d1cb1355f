// A stand-in for bcryptprimitives.dll, which older versions of wine lack: Rust's standard library takes its
// random numbers from the one function here. For tests under wine alone; Windows has its own.
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
  while (length > 0) {
    const ULONG step = length < MAXLONG ? (ULONG)length : MAXLONG;
    // Also known as SystemFunction036.
    if (!RtlGenRandom(data, step)) {
      return FALSE;
    }
    data += step;
    length -= step;
  }
  return TRUE;
}
