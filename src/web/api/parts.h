/* parts.h - the handlers and shapes that the table of routes is made of. For web/api/ alone. */
#pragma once
#include "web/api/route.h"

lt_api_handle lt_api_get_version, lt_api_get_openapi, lt_api_get_health, lt_api_get_alive;
lt_api_handle lt_api_get_session, lt_api_sign_in, lt_api_sign_out, lt_api_set_password;

extern const lt_api_shape lt_api_version_shape, lt_api_health_shape, lt_api_alive_shape;
extern const lt_api_shape lt_api_sign_in_shape, lt_api_session_shape, lt_api_password_shape;
