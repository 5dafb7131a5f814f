select * from {{ ref('middle') }} -- a comment
