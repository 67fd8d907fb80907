/* What the module that cffi makes is compiled with. */
#include "gd.h"
