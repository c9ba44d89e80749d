#ifndef SRE_CHIREDIS_SHIM_H
#define SRE_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

/* The reader's object functions grew a double and a boolean in 1.0: a newer library is a conscious change. */
#if HIREDIS_MAJOR != 0
#error "CHiredis was written for hiredis 0.14 (libhiredis-dev of Debian 12); review RESPReader.swift for this version"
#endif

#endif
