/* Rust's standard library gets random numbers from ProcessPrng, in a DLL that
 * Wine 8 does not have. This DLL calls RtlGenRandom instead, whose name in
 * advapi32 is SystemFunction036:
 * https://learn.microsoft.com/en-us/windows/win32/api/ntsecapi/nf-ntsecapi-rtlgenrandom */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    while (length > 0) {
        ULONG some = length < 0x10000000 ? (ULONG)length : 0x10000000;
        if (!SystemFunction036(buffer, some))
            return FALSE;
        buffer += some;
        length -= some;
    }
    return TRUE;
}
