// openapi_document: the OpenAPI 3.1 description of the API, made from the route table and the
// schemas of objects (model/schema.h), so that it cannot say what is not so.
#pragma once

#include <boost/json.hpp>
#include <vector>

#include "api/route.h"

namespace bridle::api {

json::object openapi_document(const std::vector<Route>& routes);

}  // namespace bridle::api
