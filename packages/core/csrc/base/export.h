// Which symbols leave libpenstock. Everything is hidden by default; the C API and what our own binding uses is shown.
#pragma once

#define PENSTOCK_API __attribute__((visibility("default")))
