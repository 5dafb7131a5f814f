/* The table of routes: all that the server answers. */
#include "web/api/parts.h"

const lt_api_route lt_api_routes[] = {
    {"GET", "/health", "getHealth", "server", "whether it can do its work; 503 when not",
     LT_ROLE_NONE, .answer = &lt_api_health_shape, .handle = lt_api_get_health},
    {"GET", "/health/live", "getAlive", "server", "whether it answers at all", LT_ROLE_NONE,
     .answer = &lt_api_alive_shape, .handle = lt_api_get_alive},
    {"GET", "/api/v1/openapi.json", "getOpenapi", "server", "this document", LT_ROLE_NONE,
     .answer = NULL, .media = NULL, .handle = lt_api_get_openapi},
    {"GET", "/api/v1/version", "getVersion", "server", "which leat this is", LT_ROLE_VIEWER,
     .flags = LT_API_NARROW, .answer = &lt_api_version_shape, .handle = lt_api_get_version},

    {"POST", "/api/v1/session", "signIn", "session", "sign in: gives a cookie", LT_ROLE_NONE,
     .flags = LT_API_NO_AUDIT, .body = &lt_api_sign_in_shape, .answer = &lt_api_session_shape,
     .handle = lt_api_sign_in},
    {"GET", "/api/v1/session", "getSession", "session", "who I am", LT_ROLE_VIEWER,
     .flags = LT_API_FIRST | LT_API_NARROW, .answer = &lt_api_session_shape,
     .handle = lt_api_get_session},
    {"DELETE", "/api/v1/session", "signOut", "session", "sign out", LT_ROLE_VIEWER,
     .flags = LT_API_FIRST | LT_API_NO_AUDIT, .handle = lt_api_sign_out},
    {"PUT", "/api/v1/session/password", "setPassword", "session",
     "change my password; ends my other sessions", LT_ROLE_VIEWER,
     .flags = LT_API_FIRST | LT_API_NO_AUDIT, .body = &lt_api_password_shape,
     .answer = &lt_api_session_shape, .handle = lt_api_set_password},
};
const size_t lt_api_route_count = LT_COUNT(lt_api_routes);
