#include "gd.h"
