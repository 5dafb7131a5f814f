{{ config(persist_docs={'columns': true}) }} select 1 as id
