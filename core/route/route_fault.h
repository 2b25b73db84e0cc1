// What a failure of a backend means for the one who has to decide what is asked next. The one list
// of kinds: bodies and statuses are read by core/models/wire_fault.c, headers by route_limits.h.
#pragma once

enum route_fault {
    ROUTE_FAULT_NONE,
    ROUTE_FAULT_RATE,       // too fast: wait, the same backend will do
    ROUTE_FAULT_QUOTA,      // a long window or the credit is used up: take another
    ROUTE_FAULT_OVERLOADED, // the provider is: take another, come back soon
    ROUTE_FAULT_SERVER,     // 5xx, reset, cut, garbage
    ROUTE_FAULT_TIMEOUT,    // 408, a stall
    ROUTE_FAULT_AUTH,       // 401, 403: another account
    ROUTE_FAULT_BILLING,    // 402, no credit: another account, the user has to act
    ROUTE_FAULT_MODEL,      // this account has no such model
    ROUTE_FAULT_CONTEXT,    // too long for this model: a larger one
    ROUTE_FAULT_SIGNATURE,  // thinking of another model in the history: strip it, once
    ROUTE_FAULT_REQUEST,    // the request itself is wrong: nobody else will take it either
    ROUTE_FAULTS
};
const char *route_fault_name(enum route_fault fault); // "rate", "quota" …; never NULL
