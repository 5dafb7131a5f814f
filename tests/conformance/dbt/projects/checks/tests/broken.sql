select nothere from {{ ref('good') }}
